// Command nov30-node is the one program of nov30's that runs inside nodes: it undoes the faults' changes when their time
// limit is over and everything outside the node has died.
package main

import (
	"context"
	"os"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/ttl/unit"
)

func main() {
	clock := clockwork.NewRealClock()
	a := app{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Hostname: os.Hostname, Clock: clock, Unit: func(node string) unit.Unit {
		return unit.Unit{Dir: unit.Dir, Node: unit.Local(node), Clock: clock}
	}}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}
