package nodestate

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// putNetwork makes links, addresses, rules, routes and the firewall what they were. With a link or an address the kernel takes
// away, and gives back, what hangs on it: so it looks again after each kind of change.
func (n Node) putNetwork(ctx context.Context, want network, report *Report) error {
	have, err := n.readNetwork(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, changes := range []func(have network) [][]string{want.linkChanges, want.addressChanges, want.routeChanges} {
		commands := changes(have)
		for _, argv := range commands {
			report.Network = append(report.Network, strings.Join(argv, " "))
			_, err := n.run(ctx, nil, argv...)
			errs = append(errs, err)
		}
		if len(commands) == 0 {
			continue
		}
		if have, err = n.readNetwork(ctx); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(append(errs, n.putFirewall(ctx, want))...)
}

func (n Node) putFirewall(ctx context.Context, want network) error {
	ports, err := n.resolverPorts()
	if err != nil {
		return err
	}
	rules, err := withPorts(want.Firewall, ports)
	if err != nil {
		return err
	}
	_, err4 := n.run(ctx, strings.NewReader(rules), "iptables-restore")
	_, err6 := n.run(ctx, strings.NewReader(want.Firewall6), "ip6tables-restore")
	_, err = n.run(ctx, nil, "conntrack", "--flush") // connections of pods that are gone
	return errors.Join(err4, err6, err)
}

// linkChanges are the commands that make the links those of want.
func (want network) linkChanges(have network) [][]string {
	commands := differ(names(want.Links), names(have.Links), func(verb, line string) []string { return []string{"ip", "link", verb, line} })
	for _, line := range want.Links {
		if name, state, _ := strings.Cut(line, " "); !slices.Contains(have.Links, line) {
			commands = append(commands, []string{"ip", "link", "set", name, state})
		}
	}
	return commands
}

func (want network) addressChanges(have network) [][]string {
	return differ(want.Addresses, have.Addresses, func(verb, line string) []string {
		f := strings.Fields(line) // dev NAME ADDRESS scope SCOPE
		return []string{"ip", "addr", verb, f[2], "dev", f[1], "scope", f[4]}
	})
}

// routeChanges are the commands for rules, routes and the tables of nft.
func (want network) routeChanges(have network) [][]string {
	of := func(object string) func(verb, line string) []string {
		return func(verb, line string) []string {
			f := strings.Fields(line) // FAMILY …
			return append([]string{"ip", f[0], object, verb}, f[1:]...)
		}
	}
	return slices.Concat(differ(want.Rules, have.Rules, of("rule")), differ(want.Routes, have.Routes, of("route")),
		differ(want.Tables, have.Tables, func(verb, line string) []string {
			verb = map[string]string{"del": "delete", "add": "add"}[verb]
			return append([]string{"nft", verb}, strings.Fields(line)...)
		}))
}

// differ gives the commands that take away the lines that are too many and then add those that are missing.
func differ(want, have []string, command func(verb, line string) []string) (commands [][]string) {
	for _, line := range have {
		if !slices.Contains(want, line) {
			commands = append(commands, command("del", line))
		}
	}
	for _, line := range want {
		if !slices.Contains(have, line) {
			commands = append(commands, command("add", line))
		}
	}
	return commands
}

func names(links []string) []string {
	var all []string
	for _, l := range links {
		name, _, _ := strings.Cut(l, " ")
		all = append(all, name)
	}
	return all
}
