package nodestate

import (
	"embed"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// What a control plane's own programs printed.
//
//go:embed testdata/*.txt
var printed embed.FS

func text(t testing.TB, name string) string {
	t.Helper()
	content, err := printed.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// networked is a node with a control plane's network.
func networked(t *testing.T) *tree {
	x := newTree(t)
	for command, name := range map[string]string{"ip -o link show": "link", "ip -o addr show": "addr", "ip -4 rule show": "rule4", "ip -6 rule show": "rule6",
		"ip -4 route show table all": "route4", "iptables-save": "iptables", "nft list tables": "tables"} {
		x.machine.prints[command] = text(t, name)
	}
	x.resolver("B5C1", "CDF0") // 46529 and 52720, as in the rules
	return x
}

// resolver makes the engine's resolver listen on these ports.
func (x *tree) resolver(tcp, udp string) {
	const line = "   1: %:@ 00000000:0000 # 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0\n"
	with := func(address, port, state string) string {
		return strings.NewReplacer("%", address, "@", port, "#", state).Replace(line)
	}
	x.put("/proc/net/tcp", "  sl  local_address rem_address   st\n"+with("0100007F", "2A9C", "0A")+with("0B00007F", tcp, "0A")+
		"   3: 0B00007F:FFFF 0B00007F:0001 01 0:0 0:0 0 0 0 1\n", 0o644)
	x.put("/proc/net/udp", with("0B00007F", udp, "07"), 0o644)
}

func TestTheNetworkIsReadWithoutThePods(t *testing.T) {
	w, err := networked(t).readNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for kind, c := range map[string]struct{ got, want []string }{
		"links":     {w.Links, []string{"lo up", "void up", "eth0 up"}},
		"addresses": {w.Addresses, []string{"dev lo 127.0.0.1/8 scope host", "dev eth0 10.0.0.3/24 scope global"}},
		"rules": {w.Rules, []string{"-4 priority 0 from all lookup local", "-4 priority 96 from all to 10.96.0.0/16 iif lo lookup 96", "-4 priority 32766 from all lookup main",
			"-4 priority 32767 from all lookup default", "-6 priority 0 from all lookup local", "-6 priority 32766 from all lookup main"}},
		"tables": {w.Tables, []string{"table ip nat", "table ip mangle", "table ip filter", "table ip6 mangle", "table ip6 nat", "table ip6 filter"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", kind, c.got, c.want)
		}
	}
	for _, r := range []string{"-4 default via 10.0.0.1 dev eth0", "-4 10.96.0.0/16 dev void table 96 scope link", "-4 blackhole 10.244.0.0/16 metric 9999", "-4 10.244.1.0/24 via 10.0.0.2 dev eth0"} {
		if !slices.Contains(w.Routes, r) {
			t.Errorf("no route %q in %q", r, w.Routes)
		}
	}
	if len(w.Routes) != 15 || strings.Contains(strings.Join(w.Routes, ""), "kernel") {
		t.Errorf("%d routes: %q", len(w.Routes), w.Routes)
	}
	if strings.Contains(w.Firewall, "46529") || strings.Contains(w.Firewall, "52720") || strings.Count(w.Firewall, resolverMark) != 4 {
		t.Errorf("the resolver's ports are in the rules: %s", w.Firewall)
	}
}

func TestTheNetworkAsItWasIsLeftAloneExceptTheFirewall(t *testing.T) {
	x := networked(t)
	want, err := x.readNetwork(t.Context())
	x.must(err)
	x.machine.ran = nil
	x.resolver("0050", "0051") // the node was off
	var report Report
	x.must(x.putNetwork(t.Context(), want, &report))
	got := slices.DeleteFunc(slices.Clone(x.machine.ran), func(line string) bool {
		return strings.Contains(line, " show") || strings.Contains(line, "save") || strings.Contains(line, "list")
	})
	if want := []string{"iptables-restore", "ip6tables-restore", "conntrack --flush"}; !slices.Equal(got, want) || len(report.Network) > 0 {
		t.Errorf("ran %q, reported %q", got, report.Network)
	}
	rules := strings.NewReplacer("46529", "80", "52720", "81").Replace(text(t, "iptables"))
	restored := x.machine.stdin["iptables-restore"]
	for line := range strings.Lines(rules) {
		if line = strings.Join(strings.Fields(line), " "); !strings.Contains(restored, line+"\n") {
			t.Errorf("the restored rules have no %q", line)
		}
	}
	if strings.Count(restored, "\n") != strings.Count(rules, "\n") {
		t.Errorf("%d lines for %d", strings.Count(restored, "\n"), strings.Count(rules, "\n"))
	}
}

func TestRulesForAResolverThatDoesNotListenAreAnError(t *testing.T) {
	x := networked(t)
	want, err := x.readNetwork(t.Context())
	x.must(err)
	x.put("/proc/net/udp", "", 0o644)
	if err := x.putNetwork(t.Context(), want, &Report{}); err == nil || !strings.Contains(err.Error(), "resolver") || len(x.machine.commands("iptables-restore")) > 0 {
		t.Errorf("%v", err)
	}
	if _, err := (Node{Root: t.TempDir()}).resolverPorts(); err == nil {
		t.Error("ports were read of nothing")
	}
}

func TestEachChangeOfTheNetworkIsTakenBack(t *testing.T) {
	const link, addr, rules, routes = "ip -o link show", "ip -o addr show", "ip -4 rule show", "ip -4 route show table all"
	for name, c := range map[string]struct {
		command, old, new string
		want              []string
	}{
		"a route that is gone":        {routes, "default via 10.0.0.1 dev eth0 \n", "", []string{"ip -4 route add default via 10.0.0.1 dev eth0"}},
		"a blackhole that is gone":    {routes, "blackhole 4.0.0.0/6 metric 9999 \n", "", []string{"ip -4 route add blackhole 4.0.0.0/6 metric 9999"}},
		"another way for a route":     {routes, "10.244.1.0/24 via 10.0.0.2", "10.244.1.0/24 via 10.0.0.9", []string{"ip -4 route del 10.244.1.0/24 via 10.0.0.9 dev eth0", "ip -4 route add 10.244.1.0/24 via 10.0.0.2 dev eth0"}},
		"a route that is new":         {routes, "default via", "unreachable 10.96.0.1 \ndefault via", []string{"ip -4 route del unreachable 10.96.0.1"}},
		"a route of another table":    {routes, "10.96.0.0/16 dev void table 96 scope link", "10.96.0.0/16 dev void table 97 scope link", []string{"ip -4 route del 10.96.0.0/16 dev void table 97 scope link", "ip -4 route add 10.96.0.0/16 dev void table 96 scope link"}},
		"a pod's route":               {routes, "default via", "10.244.0.9 dev veth9 scope host\ndefault via", nil},
		"a route whose link is down":  {routes, "via 10.0.0.1 dev eth0", "via 10.0.0.1 dev eth0 linkdown", nil},
		"an address that is new":      {addr, "1: lo ", "5: eth0    inet 10.0.0.99/32 scope global secondary eth0\\ valid_lft forever\n1: lo ", []string{"ip addr del 10.0.0.99/32 dev eth0 scope global"}},
		"an address that is gone":     {addr, "127.0.0.1/8 scope host", "127.0.0.2/8 scope host", []string{"ip addr del 127.0.0.2/8 dev lo scope host", "ip addr add 127.0.0.1/8 dev lo scope host"}},
		"a link that is down":         {link, "<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default \\    link/ether 02:42", "<BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN mode DEFAULT group default \\    link/ether 02:42", []string{"ip link set eth0 up"}},
		"a link that is new":          {link, "1: lo:", "9: evil0: <BROADCAST> mtu 1500\n1: lo:", []string{"ip link del evil0"}},
		"a link that is gone":         {link, "2: void:", "2: veth9:", []string{"ip link add void", "ip link set void up"}},
		"a rule that is new":          {rules, "0:\t", "50:\tfrom all blackhole\n0:\t", []string{"ip -4 rule del priority 50 from all blackhole"}},
		"a rule that is gone":         {rules, "96:\tfrom all to 10.96.0.0/16 iif lo lookup 96\n", "", []string{"ip -4 rule add priority 96 from all to 10.96.0.0/16 iif lo lookup 96"}},
		"a table of nft that is new":  {"nft list tables", "table ip nat", "table inet evil\ntable ip nat", []string{"nft delete table inet evil"}},
		"a table of nft that is gone": {"nft list tables", "table ip6 mangle\n", "", []string{"nft add table ip6 mangle"}},
	} {
		x := networked(t)
		want, err := x.readNetwork(t.Context())
		x.must(err)
		if x.machine.prints[c.command] = strings.Replace(x.machine.prints[c.command], c.old, c.new, 1); !strings.Contains(x.machine.prints[c.command], c.new) || c.old == c.new {
			t.Fatalf("%s: nothing changed", name)
		}
		x.machine.ran = nil
		var report Report
		x.must(x.putNetwork(t.Context(), want, &report))
		if !slices.Equal(report.Network, c.want) {
			t.Errorf("%s: %q, want %q", name, report.Network, c.want)
		}
		for _, line := range c.want {
			if len(x.machine.commands(line)) != 1 {
				t.Errorf("%s: %q was reported and not run once: %q", name, line, x.machine.ran)
			}
		}
	}
}

func TestWhatTheKernelDoesOfItselfIsLookedAtAgain(t *testing.T) {
	const routes = "ip -4 route show table all"
	x := networked(t)
	want, err := x.readNetwork(t.Context())
	x.must(err)
	// An address of a vandal's; with it, when it goes, the kernel takes a route away.
	x.machine.prints["ip -o addr show"] += "5: eth0    inet 10.0.0.99/24 scope global eth0\\ valid_lft forever\n"
	x.machine.did = func(line string) {
		if strings.HasPrefix(line, "ip addr del") {
			x.machine.prints[routes] = strings.Replace(x.machine.prints[routes], "default via 10.0.0.1 dev eth0 \n", "", 1)
		}
	}
	var report Report
	x.must(x.putNetwork(t.Context(), want, &report))
	if want := []string{"ip addr del 10.0.0.99/24 dev eth0 scope global", "ip -4 route add default via 10.0.0.1 dev eth0"}; !slices.Equal(report.Network, want) {
		t.Errorf("%q, want %q", report.Network, want)
	}
	// A link that comes up gets its address back by itself.
	x = networked(t)
	const address = "5: eth0    inet6 fe80::1/64 scope link \\ valid_lft forever\n"
	before := x.machine.prints["ip -o addr show"]
	x.machine.prints["ip -o addr show"] = before + address
	want, err = x.readNetwork(t.Context())
	x.must(err)
	x.machine.prints["ip -o addr show"] = before
	x.machine.prints["ip -o link show"] = strings.Replace(x.machine.prints["ip -o link show"], "<LOOPBACK,UP,LOWER_UP>", "<LOOPBACK>", 1)
	x.machine.did = func(line string) {
		if strings.HasPrefix(line, "ip link set lo up") {
			x.machine.prints["ip -o addr show"] = before + address
		}
	}
	report = Report{}
	x.must(x.putNetwork(t.Context(), want, &report))
	if want := []string{"ip link set lo up"}; !slices.Equal(report.Network, want) {
		t.Errorf("%q, want %q", report.Network, want)
	}
}

func TestACommandOfTheNetworkThatFailsIsAnErrorAndTheOthersAreRun(t *testing.T) {
	const gone = "ip -4 route add default via 10.0.0.1 dev eth0"
	x := networked(t)
	want, err := x.readNetwork(t.Context())
	x.must(err)
	x.machine.prints["ip -4 route show table all"] = ""
	x.machine.fails[gone] = errors.New("unreachable")
	x.machine.ran = nil
	if err := x.putNetwork(t.Context(), want, &Report{}); err == nil || !strings.Contains(err.Error(), "unreachable") {
		t.Errorf("%v", err)
	}
	if got := len(x.machine.commands("ip -4 route add ")); got != 15 || len(x.machine.commands("iptables-restore")) != 1 {
		t.Errorf("%d routes of 15: %q", got, x.machine.ran)
	}
}

func TestTheFirewallIsFactsExceptWhatControllersWrite(t *testing.T) {
	x, f := networked(t), Facts{}
	x.must(x.networkFacts(t.Context(), f))
	for object, value := range f {
		if strings.Contains(object, "KUBE-") || strings.Contains(object, "CNI-") || strings.Contains(object, "[") || strings.Contains(object, "#") || strings.Contains(object, "veth") {
			t.Errorf("%s: %s", object, value)
		}
	}
	for _, object := range []string{"firewall/:INPUT ACCEPT", "firewall/*nat", "link/eth0 up", "address/dev eth0 10.0.0.3/24 scope global", "table/table ip nat",
		"rule/-4 priority 96 from all to 10.96.0.0/16 iif lo lookup 96", "route/-4 default via 10.0.0.1 dev eth0", "firewall/-A OUTPUT -d 10.0.0.1/32 -j DOCKER_OUTPUT"} {
		if f[object] == "" {
			t.Errorf("no %s in %q", object, slices.Sorted(maps.Keys(f)))
		}
	}
	again := Facts{}
	x.resolver("0050", "0051")
	x.machine.prints["iptables-save"] = strings.NewReplacer("46529", "80", "52720", "81", "[434:26040]", "[9:9]").Replace(text(t, "iptables"))
	x.must(x.networkFacts(t.Context(), again))
	if !maps.Equal(f, again) {
		t.Errorf("counters and the resolver's ports make a difference: %v, %v", f, again)
	}
	x.machine.prints["iptables-save"] = strings.Replace(x.machine.prints["iptables-save"], ":FORWARD ACCEPT", ":FORWARD DROP", 1)
	clear(again)
	x.must(x.networkFacts(t.Context(), again))
	if maps.Equal(f, again) {
		t.Error("another policy makes none")
	}
}

func FuzzLinkOf(f *testing.F) {
	for line := range strings.Lines(text(f, "link")) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if name, up := linkOf(line); strings.ContainsAny(name, "@ \n") || name != "" && up != "up" && up != "down" {
			t.Errorf("%q is %q of %q", name, up, line)
		}
	})
}

func FuzzAddressOf(f *testing.F) {
	for line := range strings.Lines(text(f, "addr")) {
		f.Add(line)
	}
	f.Add("5: eth0 inet scope global")
	f.Fuzz(func(t *testing.T, line string) {
		if a := addressOf(line); a != "" && len(strings.Fields(a)) != 5 {
			t.Errorf("%q of %q", a, line)
		}
	})
}

func FuzzResolverOf(f *testing.F) {
	f.Add("   1: 0B00007F:9207 00000000:0000 0A 00000000:00000000")
	f.Add("0: 0B00007F: 00000000:0000 0A")
	f.Fuzz(func(t *testing.T, line string) {
		port, ok := resolverOf(line)
		if ok && (port == "" || strings.Trim(port, "0123456789") != "" || len(port) > 5) {
			t.Errorf("%q of %q", port, line)
		}
	})
}
