package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// timespanUnits are the units in which systemd writes a time span (systemd.time(7)).
func timespanUnits() map[string]time.Duration {
	const day = 24 * time.Hour
	return map[string]time.Duration{"y": 31557600 * time.Second, "month": 2629800 * time.Second, "w": 7 * day, "d": day,
		"h": time.Hour, "min": time.Minute, "s": time.Second, "ms": time.Millisecond, "us": time.Microsecond}
}

// parseTimespan reads a time span as `systemctl show` prints it, such as "3h 24min 17.023478s".
func parseTimespan(s string) (time.Duration, error) {
	parts := strings.Fields(s)
	if len(parts) == 0 {
		return 0, fmt.Errorf("%q is no time span", s)
	}
	units := timespanUnits()
	var sum float64 // of seconds: exact to a microsecond for a thousand years
	for _, p := range parts {
		number := strings.TrimRight(p, "abcdefghijklmnopqrstuvwxyz")
		unit, known := units[p[len(number):]]
		value, err := strconv.ParseFloat(number, 64)
		if err != nil || !known || math.IsNaN(value) || value < 0 {
			return 0, fmt.Errorf("%q is no time span: %q", s, p)
		}
		sum += value * unit.Seconds()
	}
	if sum >= math.MaxInt64/1e9 {
		return 0, fmt.Errorf("time span %q is too long", s)
	}
	return time.Duration(sum * 1e9), nil
}
