package canary

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	chunk = 1 << 20 // bytes of a file that are looked at together
	// unpackedMax bounds what a compressed file may hold, in bytes: the outputs of a run are far smaller.
	unpackedMax = 1 << 30
	nestedMax   = 4 // compressed files in compressed files
)

// ErrNothingSearched is returned for directories without a file: that proves nothing.
var ErrNothingSearched = errors.New("there is no file to search for the canary")

// Search reads every file below the directories and returns the paths of those that hold 16 characters or more of one of
// the canary's secrets in one piece: as they are, in base64 at any alignment, once or twice, in hexadecimal, escaped as in
// JSON, URLs and HTML, wrapped, in UTF-16, and all of that inside gzip. Names and the targets of links count as well;
// links are not followed. What cannot be read is an error, and so are directories without a file; the paths that were
// found until then are returned too.
func (c Canary) Search(dirs ...string) ([]string, error) {
	s := searcher{needles: c.needles(), chunk: chunk}
	var found []string
	var errs []error
	for _, dir := range dirs {
		root, err := filepath.EvalSymlinks(dir) // WalkDir would not enter a link
		if err != nil {
			errs = append(errs, fmt.Errorf("search for the canary: %w", err))
			continue
		}
		hits, err := s.tree(os.DirFS(root))
		for _, hit := range hits {
			found = append(found, filepath.Join(dir, hit))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("search %s for the canary: %w", dir, err))
		}
	}
	if s.files == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%w below %q", ErrNothingSearched, dirs))
	}
	return found, errors.Join(errs...)
}

type searcher struct {
	needles *needles
	chunk   int // bytes
	files   int // that were read to their end
}

// tree searches one directory. A file that fails does not keep the others from being searched.
func (s *searcher) tree(root fs.FS) (found []string, err error) {
	var errs []error
	err = fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		hit := s.needles.in([]byte(filepath.Base(path)))
		switch {
		case e.Type().IsRegular():
			inside, err := s.file(root, path)
			if hit = hit || inside; err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", path, err))
			}
		case e.Type()&fs.ModeSymlink != 0:
			target, err := fs.ReadLink(root, path)
			if hit = hit || s.needles.in([]byte(target)); err != nil {
				errs = append(errs, err)
			}
		}
		if hit {
			found = append(found, path)
		}
		return nil
	})
	return found, errors.Join(append(errs, err)...)
}

func (s *searcher) file(root fs.FS, path string) (bool, error) {
	f, err := root.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	hit, err := s.stream(f, nestedMax)
	if err == nil {
		s.files++
	}
	return hit, err
}

// gzipMagic begins every gzip file (RFC 1952, 2.3.1).
const gzipMagic = "\x1f\x8b\x08"

// stream searches a stream, and what it unpacks to where it is compressed. It stops at the first needle.
func (s *searcher) stream(r io.Reader, nested int) (bool, error) {
	in := bufio.NewReader(r)
	magic, err := in.Peek(len(gzipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if string(magic) != gzipMagic {
		return s.plain(in)
	}
	if nested == 0 {
		return false, fmt.Errorf("compressed more than %d times", nestedMax)
	}
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return false, err
	}
	limited := &io.LimitedReader{R: unpacked, N: unpackedMax}
	hit, err := s.stream(limited, nested-1)
	if err == nil && !hit && limited.N == 0 {
		err = fmt.Errorf("unpacks to more than %d bytes", unpackedMax)
	}
	return hit, err
}

// plain looks at a stream as it is and, beside it, without its escapes.
func (s *searcher) plain(r io.Reader) (bool, error) {
	buffer := make([]byte, windowSize+escapeMax+s.chunk)
	var kept, rest int   // bytes at the buffer's beginning that were seen, and of them those whose escape was not complete
	var unescaped []byte // the end of what was unescaped
	for {
		n, end, err := fill(r, buffer[kept:])
		if err != nil {
			return false, err
		}
		seen := buffer[:kept+n]
		var left []byte
		unescaped, left = unescape(unescaped, seen[kept-rest:], end)
		if s.needles.in(seen) || s.needles.in(unescaped) {
			return true, nil
		}
		if end {
			return false, nil
		}
		rest = len(left)
		kept = copy(buffer, seen[max(0, len(seen)-windowSize-escapeMax):])
		unescaped = append(unescaped[:0], unescaped[max(0, len(unescaped)-windowSize):]...)
	}
}

// fill is io.ReadFull, which does not tell the end of a stream from a compressed one that was cut.
func fill(r io.Reader, into []byte) (n int, end bool, err error) {
	for n < len(into) {
		more, err := r.Read(into[n:])
		n += more
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}
