package inventory

// files are the certificates, kubeconfigs and manifests of a node that kubeadm, or the kubelet, has written. Of the
// kubelet's own only the current ones: the dated files beside them are the rotated ones, expired by right.
const files = `/etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /etc/kubernetes/*.conf ` + manifestDir + `*.yaml ` +
	`/var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/kubelet/pki/kubelet-server-current.pem ` +
	`/var/lib/kubelet/pki/kubelet.crt`

// program is POSIX awk: one process reads all files. It prints certificates and nothing else, so that no private key
// leaves the node: of PEM files the CERTIFICATE blocks, of kubeconfigs the client certificate or the path of it (a line
// with a comma may be a flow mapping that holds a key as well: it is left out), of manifests nothing but that they are
// there. @end shows that nothing was cut off.
const program = `
function add(f) { if (!(f in seen)) { seen[f] = 1; queue[n++] = f } }
function value(line) { sub(/^[^:]*:[ ]*/, "", line); gsub(/["\047 ]/, "", line); return line }
function show(f,   line, inside, got, v) {
	if ((got = (getline line < f)) < 0) return
	print "@file " f
	if (f ~ /\/manifests\//) got = 0
	for (; got > 0; got = (getline line < f)) {
		sub(/\r$/, "", line)
		if (line ~ /^-----BEGIN /) inside = (line == "-----BEGIN CERTIFICATE-----")
		if (inside) print line
		if (line ~ /^-----END /) inside = 0
		if (inside || f !~ /\.conf$/ || line ~ /,/) continue
		if (line ~ /^[ -]*client-certificate-data:/) print "@data " value(line)
		if (line ~ /^[ -]*client-certificate:/) {
			v = value(line)
			if (v !~ /^\//) v = "/etc/kubernetes/" v
			print "@ref " v
			add(v)
		}
	}
	close(f)
}
BEGIN {
	for (i = 1; i < ARGC; i++) add(ARGV[i])
	for (j = 0; j < n; j++) show(queue[j])
	print "@end"
}`

// Argv is the command that prints a node's inventory; Parse reads what it prints.
func Argv() []string {
	return []string{"sh", "-c", "exec awk '" + program + "' " + files}
}
