package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
)

// entry is one line of a journal. Exactly one of Meta, Inverse and Applied is set.
type entry struct {
	Seq     uint64   `json:"seq"` // 0 for the header, then 1, 2, 3, …
	Meta    *Meta    `json:"meta,omitempty"`
	Inverse *Inverse `json:"inverse,omitempty"`
	Applied *uint64  `json:"applied,omitempty"` // the sequence number of an inverse that was applied and verified
}

func (e entry) whole() bool {
	set := 0
	for _, is := range []bool{e.Meta != nil, e.Inverse != nil, e.Applied != nil} {
		if is {
			set++
		}
	}
	return set == 1 && (e.Meta != nil) == (e.Seq == 0)
}

// A line is {"crc":"XXXXXXXX","len":N,"entry":…} and a newline: CRC-32C and length of the entry's bytes. Inside an entry
// every quotation mark of a string is escaped, so lineStart occurs nowhere else, and a damaged newline or neighbour
// costs no entry that is whole itself.
const (
	lineStart = `{"crc":"`
	lineLen   = `","len":`
	lineEntry = `,"entry":`
	lineEnd   = `}`
)

func castagnoli(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

func encode(e entry) ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s%08x%s%d%s%s%s\n", lineStart, castagnoli(data), lineLen, len(data), lineEntry, data, lineEnd), nil
}

// decoded is what a file's bytes hold.
type decoded struct {
	entries []entry
	whole   int  // length up to the end of the last whole entry; its newline may be missing
	torn    bool // the rest is the beginning of a line: its Append never returned, so its change was never made
	cut     bool // the rest holds a complete line that is damaged
}

// decode finds every whole entry, whatever is around it. It accepts any input.
func decode(data []byte) decoded {
	var d decoded
	for pos := 0; ; {
		next := bytes.Index(data[pos:], []byte(lineStart))
		if next < 0 {
			break
		}
		pos += next
		e, n, ok := decodeLine(data[pos:])
		if !ok {
			pos += len(lineStart)
			continue
		}
		d.entries = append(d.entries, e)
		pos += n
		d.whole = pos
	}
	rest := bytes.TrimPrefix(data[d.whole:], []byte("\n"))
	d.torn = len(rest) > 0
	d.cut = bytes.ContainsRune(rest, '\n')
	return d
}

// decodeLine reads the entry at the beginning of data and says how many bytes its line has, without the newline.
func decodeLine(data []byte) (e entry, n int, ok bool) {
	rest := data[len(lineStart):]
	if len(rest) < 8 || !bytes.HasPrefix(rest[8:], []byte(lineLen)) {
		return entry{}, 0, false
	}
	sum, rest := rest[:8], rest[8+len(lineLen):]
	length, _, ok := bytes.Cut(rest[:min(len(rest), 10+len(lineEntry))], []byte(lineEntry))
	if !ok {
		return entry{}, 0, false
	}
	rest = rest[len(length)+len(lineEntry):]
	size, err := strconv.Atoi(string(length))
	if err != nil || size < 0 || len(rest) < size+len(lineEnd) || string(rest[size:size+len(lineEnd)]) != lineEnd {
		return entry{}, 0, false
	}
	body := rest[:size]
	if fmt.Sprintf("%08x", castagnoli(body)) != string(sum) || json.Unmarshal(body, &e) != nil || !e.whole() {
		return entry{}, 0, false
	}
	return e, len(data) - len(rest) + size + len(lineEnd), true
}
