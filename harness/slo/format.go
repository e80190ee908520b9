package slo

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// clipAt is how many characters of a text that comes from outside a reason may hold.
const clipAt = 300

// clip makes a text from outside fit to stand in a reason: one line, printable, bounded.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > clipAt {
		r = append(r[:clipAt:clipAt], '…')
	}
	return string(r)
}

// because appends an error text to a reason if there is one.
func because(reason, err string) string {
	if err = clip(err); err == "" {
		return reason
	}
	return reason + ": " + err
}

// listedMost is how many names of a list a reason may hold.
const listedMost = 5

// listed names the first few of a list.
func listed(names []string) string {
	if more := len(names) - listedMost; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listedMost], ", "), more)
	}
	return strings.Join(names, ", ")
}

// inSeconds rounds up to a millisecond, so that a time is never reported shorter than it was.
func inSeconds(d time.Duration) float64 {
	ms := d / time.Millisecond
	if d > ms*time.Millisecond {
		ms++
	}
	return float64(ms) / 1000
}

func seconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	f := inSeconds(*d)
	return &f
}

func words(d time.Duration) string { return strconv.FormatFloat(inSeconds(d), 'f', -1, 64) + " s" }

// offset writes a moment relative to the injection, which is +0.0 s.
func offset(d time.Duration) string { return fmt.Sprintf("%+.1f s", d.Seconds()) }
