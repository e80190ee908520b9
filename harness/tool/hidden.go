package tool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// realDirectories resolves symbolic links and leaves out what lies below another one of them.
func realDirectories(paths []string) ([]string, error) {
	var all []string
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("hide %s from the tool: give an absolute path", path)
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, fmt.Errorf("hide %s from the tool: %w", path, err)
		}
		if info, err := os.Stat(real); err != nil || !info.IsDir() {
			return nil, errors.Join(fmt.Errorf("hide %s from the tool: it is no directory", path), err)
		}
		all = append(all, real)
	}
	slices.Sort(all) // a parent stands before what is below it
	var top []string
	for _, path := range all {
		if !below(path, top) {
			top = append(top, path)
		}
	}
	return top, nil
}

// below says whether path is one of the directories or lies in one.
func below(path string, directories []string) bool {
	return slices.ContainsFunc(directories, func(d string) bool {
		return path == d || strings.HasPrefix(path, strings.TrimSuffix(d, "/")+"/")
	})
}

// hides says whether the tool would not find path, by its name or by what its name leads to.
func (i *isolation) hides(path string) bool {
	if i == nil || !filepath.IsAbs(path) {
		return false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	return below(filepath.Clean(path), i.hide) || below(real, i.hide)
}

// check refuses to hide what the tool needs: that is a mistake of whoever chose the directories.
func (i *isolation) check(t Tool, r Run, p private) error {
	var errs []error
	needs := func(what, path string) {
		if i.hides(path) {
			errs = append(errs, fmt.Errorf("the tool needs %s %s, but what lies in %s is hidden from tools; move it elsewhere",
				what, path, strings.Join(i.hide, " and in ")))
		}
	}
	needs("its own directory", t.Dir)
	for _, c := range []Command{t.Detect, t.Recover} {
		for n, arg := range c.Exec {
			if _, err := os.Lstat(arg); err == nil {
				needs([]string{"its program", "the file"}[min(n, 1)], arg)
			}
		}
	}
	needs("the working directory", r.Dir)
	needs("the engine's command", p.engine)
	needs("the directory of its context file (see TMPDIR)", p.dir)
	return errors.Join(errs...)
}
