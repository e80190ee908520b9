package engine

import (
	"net/netip"
	"os"
	"strings"
	"testing"
)

func routes(destinations ...string) func() (string, error) {
	var list []string
	for _, d := range destinations {
		dst, dev, _ := strings.Cut(d, "@")
		list = append(list, `{"dst":"`+dst+`","dev":"`+dev+`"}`)
	}
	return says("[" + strings.Join(list, ",") + "]")
}

func TestThePoolOverlapsNeitherRoutesNorNameServers(t *testing.T) {
	for name, c := range map[string]struct {
		routes []string
		resolv string
		had    string
		want   string
	}{
		"nothing in the way":      {[]string{"default@eth0", "192.0.2.0/24@eth0"}, "", "", "10.199.0.0/16"},
		"a host route":            {[]string{"10.199.7.7@eth0"}, "", "", "10.198.0.0/16"},
		"an interface":            {[]string{"10.192.0.0/13@eth0"}, "", "", "10.191.0.0/16"},
		"a name server":           {nil, "nameserver 10.199.0.2\nsearch x\nnameserver fd00::1", "", "10.198.0.0/16"},
		"a route for all of 10/8": {[]string{"10.0.0.0/8@wg0"}, "", "", "172.31.0.0/16"},
		"a VPN's half defaults":   {[]string{"0.0.0.0/1@tun0", "128.0.0.0/1@tun0"}, "", "", "10.199.0.0/16"},
		"its own routes":          {[]string{"10.150.0.0/24@nov30-x", "10.150.1.0/24@br-0123456789ab"}, "", "10.150.0.0/16", "10.150.0.0/16"},
		"a bridge of the user's":  {[]string{"10.150.1.0/24@br-lan"}, "", "10.150.0.0/16", "10.199.0.0/16"},
		"a net around its pool":   {[]string{"10.0.0.0/8@br-0123456789ab"}, "", "10.150.0.0/16", "172.31.0.0/16"},
		"somebody in its pool":    {[]string{"10.150.3.0/24@eth1"}, "", "10.150.0.0/16", "10.199.0.0/16"},
		"all taken":               {[]string{"10.0.0.0/8@a", "172.16.0.0/12@b"}, "", "", ""},
	} {
		f := newFake(t)
		f.script["ip -json -4 route"] = routes(c.routes...)
		f.file("etc/resolv.conf", c.resolv)
		n := network{Bridge: "nov30-x"}
		if c.had != "" {
			n.Pool = netip.MustParsePrefix(c.had)
		}
		got, err := f.pool(t.Context(), n)
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "172.16.0.0/12") {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			continue
		}
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestRoutesThatCannotBeReadAreAnError(t *testing.T) {
	for _, out := range []string{`{`, `[{"dst":"somewhere"}]`} {
		f := newFake(t)
		f.script["ip -json -4 route"] = says(out)
		if p, err := f.pool(t.Context(), network{}); err == nil {
			t.Errorf("%s gave %v", out, p)
		}
	}
}

func TestTheNetworkStaysAsItWasChosen(t *testing.T) {
	f := newFake(t)
	d := f.own()
	first, err := f.bridge(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	f.file("sys/class/net/"+first.Bridge+"/address", "")
	f.script["ip -json -4 route"] = routes("10.199.0.0/24@" + first.Bridge)
	f.ran = nil
	second, err := f.bridge(t.Context(), d)
	if err != nil || second != first || f.did("ip link add") {
		t.Fatalf("%+v, then %+v, %v; ran %v", first, second, err, f.ran)
	}
}

func TestADamagedNetworkFileIsRecoveredFromTheConfigurationOrChosenAnew(t *testing.T) {
	for config, want := range map[string]string{
		"": "10.199.0.0/16", "{": "10.199.0.0/16", `{"default-address-pools":[]}`: "10.199.0.0/16",
		`{"default-address-pools":[{"base":"10.150.0.0/16","size":24}]}`: "10.150.0.0/16",
	} {
		f := newFake(t)
		d := f.own()
		if err := os.WriteFile(d.network, []byte(`{"pool":"10.1`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.config, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := f.bridge(t.Context(), d); err != nil || n.Pool.String() != want {
			t.Errorf("%s: %+v, %v; want %s", config, n, err, want)
		}
	}
}

func TestAnotherDockerdInThisNetworkNamespaceSharesTheFirewall(t *testing.T) {
	f := newFake(t)
	f.process(77, "/usr/bin/dockerd")
	n, err := f.bridge(t.Context(), f.own())
	if err != nil || !n.Shared {
		t.Fatalf("%+v, %v", n, err)
	}
}

func TestOnlyChainsOfOursThatExistAreRemoved(t *testing.T) {
	f := newFake(t)
	f.script["iptables -w 10 -t filter -S"] = says("-P FORWARD DROP\n-N DOCKER\n-N NOV30-X\n-N NOV30-XY\n-A FORWARD -j NOV30-X\n-A FORWARD -j DOCKER\n")
	f.script["iptables -w 10 -t nat -S"] = says("-N NOV30-XY\n")
	if err := f.close(t.Context(), network{Chain: "NOV30-X"}); err != nil {
		t.Fatal(err)
	}
	want := "iptables -w 10 -t filter -S|iptables -w 10 -t filter -D FORWARD -j NOV30-X|iptables -w 10 -t filter -F NOV30-X|" +
		"iptables -w 10 -t filter -X NOV30-X|iptables -w 10 -t nat -S"
	if got := strings.Join(f.ran, "|"); got != want {
		t.Errorf("ran %s", got)
	}
}

func FuzzDestinationsAreReadOrRefused(f *testing.F) {
	f.Add([]byte(`[{"dst":"default"},{"dst":"10.1.2.3","dev":"x"},{"dst":"10.0.0.0/8"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := destinations(text, func(string, netip.Prefix) bool { return false })
		for _, p := range found {
			if err != nil || !p.IsValid() || p.Bits() < 2 {
				t.Fatalf("%v of %q, %v", p, text, err)
			}
		}
	})
}

func TestChainsOfAnEarlierDaemonAreRemovedWhenTheFirewallIsOurs(t *testing.T) {
	f := newFake(t)
	f.script["iptables -w 10 -t filter -S"] = says("-N NOV30-X\n")
	if err := f.open(t.Context(), network{Chain: "NOV30-X"}); err != nil {
		t.Fatal(err)
	}
	if !f.did("iptables -w 10 -t filter -X NOV30-X") || f.did("iptables -w 10 -t filter -N") {
		t.Errorf("ran %v", f.ran)
	}
}
