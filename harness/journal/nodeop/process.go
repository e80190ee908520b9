package nodeop

// CommandLine is the pattern, for pgrep -f and pkill -f, of the command lines that begin with the program, with or
// without a directory. The short name (comm) would not do: the program may be a link to one that answers to many names.
func CommandLine(program string) string { return `^([^ ]*/)?` + program + `( |$)` }
