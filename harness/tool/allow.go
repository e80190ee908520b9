package tool

import (
	"strings"
)

// switches are the kernel's settings that keep an ordinary user from namespaces, and what mends each.
var switches = []struct{ file, forbids, mend string }{
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
	{"/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"},
	{"/proc/sys/user/max_mnt_namespaces", "0", "sysctl -w user.max_mnt_namespaces=10000"},
}

// namespacesMissing says how to allow the namespaces that isolation needs, from what this machine's settings are.
func namespacesMissing(asRoot bool, readFile func(string) ([]byte, error)) string {
	var mend []string
	for _, s := range switches {
		text, err := readFile(s.file)
		forRoot := strings.HasSuffix(s.file, "max_mnt_namespaces")
		if err == nil && strings.TrimSpace(string(text)) == s.forbids && (forRoot || !asRoot) {
			mend = append(mend, "`"+s.mend+"`")
		}
	}
	switch {
	case len(mend) > 0:
		return "The tool needs a mount namespace of its own, which this machine's settings forbid; as root: " + strings.Join(mend, ", ")
	case asRoot:
		return "The tool needs a mount namespace of its own (CAP_SYS_ADMIN, no seccomp or AppArmor profile that forbids mount)"
	}
	return "The tool needs a mount namespace of its own, in a user namespace: no setting of the kernel forbids it here, so look for a " +
		"seccomp, AppArmor or SELinux profile around nov30 (a container has one), or run nov30 as root"
}
