package nodeop

import "testing"

func FuzzParseStat(f *testing.F) {
	for _, seed := range []string{"absent\n", "81a4 0 0\n", "81a4 0 0\n" + sum(nil) + "  -\n", "a1ff 0 0", "89ed 0 0 x", "\n", "81a4 -1 x y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, out string) {
		st, err := parseStat(out)
		if err == nil && !st.absent && (len(st.sha256) != 64 || st.mode&^0o777 != 0) {
			t.Errorf("%q was taken for %+v", out, st)
		}
	})
}
