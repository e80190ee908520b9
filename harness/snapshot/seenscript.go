package snapshot

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// seenScript takes names and prints a line "INDEX file BASE64" for a file, lines "INDEX pem LINE" of a certificate that is
// served, "INDEX why REASON" where there is none, and at last "end". The servers are asked at the same time: sed writes
// line by line, and a line is short enough to stay whole in a pipe. The files are read before that, because theirs are not.
// What s_client prints beside the certificate, the keys of the session among it, does not leave the node.
const seenScript = `i=0
for name; do
	case $name in
	"served "*) ;;
	*) if [ -f "$name" ]; then echo "$i file $(base64 -w 0 <"$name")"; else echo "$i why there is no such file"; fi ;;
	esac
	i=$((i + 1))
done
listening=$(ss --listening --tcp --numeric --no-header | while read -r _ _ _ local _; do echo "$local"; done | sort)
i=0
for name; do
	at=
	case $name in
	"served "*:*) at=${name#served } ;;
	"served "*)
		port=${name#served }
		for local in $listening; do
			case $local in
			127.0.0.1:$port | "*:$port" | 0.0.0.0:$port | "[::]:$port") at=127.0.0.1:$port ;;
			127.*:$port) ;;
			*:$port) [ -n "$at" ] || at=$local ;;
			esac
		done
		[ -n "$at" ] || echo "$i why nothing listens on port $port"
		;;
	esac
	if [ -n "$at" ]; then
		timeout 5 openssl s_client -connect "$at" </dev/null 2>&1 |
			sed -u -n -e "/^-----BEGIN CERT/,/^-----END CERT/s/^/$i pem /p" -e "/errno=/s/^/$i why $at: /p" &
	fi
	i=$((i + 1))
done
wait
echo end`

// answer is what seenScript printed of one name.
type answer struct {
	file     []byte // nil: none
	pem, why string
}

// parseSeen reads what seenScript printed of so many names.
func parseSeen(out string, names int) ([]answer, error) {
	out, ok := strings.CutSuffix(out, "end\n")
	if !ok {
		return nil, fmt.Errorf("%w: its end is missing", ErrNodeOutput)
	}
	answers := make([]answer, names)
	for i := range answers {
		answers[i].why = "nothing answered in time"
	}
	for line := range strings.Lines(out) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		kind, what, _ := strings.Cut(rest, " ")
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= names {
			return nil, fmt.Errorf("%w: a line of no certificate that was asked for", ErrNodeOutput)
		}
		switch a := &answers[i]; kind {
		case "file":
			if a.file, err = base64.StdEncoding.AppendDecode([]byte{}, []byte(what)); err != nil {
				return nil, fmt.Errorf("%w: a file is no base64", ErrNodeOutput)
			}
		case "pem":
			a.pem += what + "\n"
		case "why":
			a.why = what
		default:
			return nil, fmt.Errorf("%w: a line that is no answer", ErrNodeOutput)
		}
	}
	return answers, nil
}
