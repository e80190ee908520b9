package snapshot

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// nodeContent is what the node's script printed.
type nodeContent struct {
	units []unit
	files []file
	at    map[string]int // path to its place in files
}

// named is the file at a path; ok is false when there is none.
func (c nodeContent) named(path string) (file, bool) {
	i, ok := c.at[path]
	if !ok {
		return file{}, false
	}
	return c.files[i], true
}

// ErrNodeOutput is output of the node's script that is cut or damaged.
var ErrNodeOutput = errors.New("the node's content came cut or damaged")

// parseNode reads what nodeScript printed.
func parseNode(out []byte) (nodeContent, error) {
	broken := func(format string, args ...any) (nodeContent, error) {
		return nodeContent{}, fmt.Errorf("%w: "+format, append([]any{ErrNodeOutput}, args...)...)
	}
	out, ok := bytes.CutSuffix(out, []byte("end\n"))
	if !ok {
		return broken("its end is missing")
	}
	text, out, ok := bytes.Cut(out, []byte{0})
	if !ok {
		return broken("no units")
	}
	units, err := parseUnits(string(text))
	if err != nil {
		return broken("%w", err)
	}
	content := nodeContent{units: units, at: map[string]int{}}
	for {
		var record []byte
		if record, out, ok = bytes.Cut(out, []byte{0}); !ok {
			return broken("no files")
		}
		if len(record) == 0 {
			break
		}
		f, err := parseBig(string(record))
		if err != nil {
			return broken("%w", err)
		}
		if err := content.add(f); err != nil {
			return broken("%w", err)
		}
	}
	if err := content.archive(out); err != nil {
		return broken("%w", err)
	}
	return content, nil
}

// parseBig reads "SHA256 MODE UID GID PATH".
func parseBig(record string) (file, error) {
	fields := strings.SplitN(record, " ", 5)
	if len(fields) < 5 || len(fields[0]) != 64 {
		return file{}, errors.New("no SHA-256, mode, owner and path of a big file")
	}
	return file{path: "/" + fields[4], kind: regular, mode: "0" + fields[1], owner: fields[2] + ":" + fields[3], sha256: fields[0]}, nil
}

// archive reads the files of a tar archive. An archive ends in two blocks of zeros; one that was cut does not.
func (c *nodeContent) archive(text []byte) error {
	if len(text) < 1024 || len(bytes.Trim(text[len(text)-1024:], "\x00")) > 0 {
		return errors.New("the archive is cut")
	}
	for reader := tar.NewReader(bytes.NewReader(text)); ; {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(reader)
		if err != nil {
			return err
		}
		f := file{path: "/" + strings.TrimSuffix(h.Name, "/"), kind: kindOf(h.Typeflag), link: h.Linkname, data: data,
			mode: fmt.Sprintf("%04o", h.Mode), owner: fmt.Sprintf("%d:%d", h.Uid, h.Gid)}
		if err := c.add(f); err != nil {
			return err
		}
	}
}

func kindOf(typeflag byte) string {
	switch typeflag {
	case tar.TypeReg:
		return regular
	case tar.TypeSymlink:
		return link
	case tar.TypeDir:
		return directory
	}
	return fmt.Sprintf("special (tar type %q)", typeflag)
}

// add refuses a path that does not stand for one place, or comes twice.
func (c *nodeContent) add(f file) error {
	if f.path == "/" || path.Clean(f.path) != f.path {
		return fmt.Errorf("the path %q", f.path)
	}
	if _, twice := c.at[f.path]; twice {
		return fmt.Errorf("the path %q comes twice", f.path)
	}
	c.at[f.path] = len(c.files)
	c.files = append(c.files, f)
	return nil
}
