package nodestate

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// resolverIP is where Docker answers a container's DNS queries, in the container's own network. It listens on ports that are
// others after every start of the container; rules of the firewall lead there, so they have other ports, too.
const resolverIP = "127.0.0.11"

// resolverMark stands for the port in rules that are kept, with the protocol behind it.
const resolverMark = "@resolver-"

// resolverPorts are the ports on which the engine's resolver listens now, by protocol; none where it has no such resolver.
func (n Node) resolverPorts() (map[string]string, error) {
	ports := map[string]string{}
	for _, protocol := range []string{"tcp", "udp"} {
		text, err := os.ReadFile(filepath.Join(n.Root, "proc/net", protocol))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if port, ok := resolverOf(line); ok {
				ports[protocol] = port
			}
		}
	}
	return ports, nil
}

// resolverOf reads a line of /proc/net/tcp or udp, proc_net(5): 0: 0B00007F:A4F9 00000000:0000 0A …. A socket that nothing is
// connected to has 0 for the other side.
func resolverOf(line string) (port string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[2] != "00000000:0000" {
		return "", false
	}
	hex, ok := strings.CutPrefix(fields[1], "0B00007F:") // 127.0.0.11, the lowest byte first
	if !ok {
		return "", false
	}
	number, err := strconv.ParseUint(hex, 16, 16)
	return strconv.FormatUint(number, 10), err == nil
}

// withoutPorts puts marks in the place of the resolver's ports. A rule with another port is left as it is: it leads nowhere.
func withoutPorts(rules []string, ports map[string]string) []string {
	all := make([]string, len(rules))
	for i, rule := range rules {
		fields := strings.Split(rule, " ")
		for protocol, port := range ports {
			if !strings.Contains(rule, resolverIP) || !strings.Contains(rule, "-p "+protocol+" ") {
				continue
			}
			for k, f := range fields {
				switch {
				case f == resolverIP+":"+port:
					fields[k] = resolverIP + ":" + resolverMark + protocol
				case f == port && k > 0 && fields[k-1] == "--sport":
					fields[k] = resolverMark + protocol
				}
			}
		}
		all[i] = strings.Join(fields, " ")
	}
	return all
}

// withPorts puts the present ports in the place of the marks.
func withPorts(rules string, ports map[string]string) (string, error) {
	for protocol, port := range ports {
		rules = strings.ReplaceAll(rules, resolverMark+protocol, port)
	}
	if strings.Contains(rules, resolverMark) {
		return "", fmt.Errorf("the engine's resolver does not listen on %s any more", resolverIP)
	}
	return rules, nil
}
