package nodestate

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// The first and the last entry of an archive. One without the last was cut.
const (
	firstEntry = "state.json"
	lastEntry  = "end"
)

// archive is a kept state on its way out: a compressed tar archive of the state and the kept files.
type archive struct {
	tar *tar.Writer
	zip *gzip.Writer
}

func newArchive(w io.Writer, s state) (*archive, error) {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	a := &archive{tar: tar.NewWriter(zip), zip: zip}
	return a, a.entry(firstEntry, text)
}

func (a *archive) entry(name string, content []byte) error {
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := a.tar.Write(content)
	return err
}

// add adds a file's content without the zeros at its end: etcd sets 64 MB aside for a log and writes a little of it.
func (a *archive) add(root string, f file) error {
	content, err := os.ReadFile(filepath.Join(root, f.Path))
	if err != nil {
		return err
	}
	return a.entry(f.Path, bytes.TrimRight(content[:min(f.Size, int64(len(content)))], "\x00"))
}

func (a *archive) close() error {
	return errors.Join(a.entry(lastEntry, nil), a.tar.Close(), a.zip.Close())
}

// stateMax bounds what is read of an archive, in bytes: a thousand times a healthy node's would be a mistake.
const stateMax = 4 << 30

// readArchive reads a whole archive; contents are by path.
func readArchive(r io.Reader) (s state, contents map[string][]byte, err error) {
	broken := func(err error) (state, map[string][]byte, error) {
		return state{}, nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	zip, err := gzip.NewReader(r)
	if err != nil {
		return broken(err)
	}
	contents = map[string][]byte{}
	reader, ended := tar.NewReader(io.LimitReader(zip, stateMax)), false
	for first := true; ; first = false {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return broken(err)
		}
		content, err := io.ReadAll(reader)
		switch {
		case err != nil:
			return broken(err)
		case first != (h.Name == firstEntry), ended:
			return broken(fmt.Errorf("%q at the wrong place", h.Name))
		case first:
			if err := json.Unmarshal(content, &s); err != nil {
				return broken(err)
			}
		default:
			contents[h.Name], ended = content, h.Name == lastEntry
		}
	}
	if _, err := io.Copy(io.Discard, zip); err != nil { // its checksum comes behind the last entry
		return broken(err)
	}
	if !ended || s.Version != Version {
		return broken(fmt.Errorf("version %d, its end is there: %v", s.Version, ended))
	}
	return s, contents, checkState(s, contents)
}

// checkState makes sure that every path is one that leads through directories of the state, and that every content is there.
func checkState(s state, contents map[string][]byte) error {
	kinds := map[string]string{"/": directory}
	for _, top := range further {
		kinds[top] = directory
	}
	for _, f := range s.Files {
		known := slices.Contains([]string{regular, directory, link, special}, f.Kind)
		if !filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path || !known || kinds[f.Path] != "" || kinds[filepath.Dir(f.Path)] != directory {
			return fmt.Errorf("%w: the path %q", ErrState, f.Path)
		}
		kinds[f.Path] = f.Kind
		content, ok := contents[f.Path]
		if f.Kept && f.Kind == regular && (!ok || int64(len(content)) > f.Size) {
			return fmt.Errorf("%w: the content of %s is missing or too long", ErrState, f.Path)
		}
	}
	if len(s.Files) == 0 {
		return fmt.Errorf("%w: not one file", ErrState)
	}
	return nil
}
