package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// sample is a journal's bytes with the entries in them and the offset at which each one's line ends.
func sample(t testing.TB) (data []byte, entries []entry, ends []int) {
	t.Helper()
	one := uint64(1)
	meta := validMeta()
	entries = []entry{
		{Meta: &meta}, {Meta: &meta},
		{Seq: 1, Inverse: &Inverse{Op: RestoreFile, Node: "n", Path: "/a", Preimage: []byte("{\"crc\":\"x\n"), Mode: 0o600}},
		{Seq: 2, Inverse: &Inverse{Op: RestoreFile, Node: "n", Path: `/{"crc":"00`, Absent: true}},
		{Seq: 3, Applied: &one},
		{Seq: 4, Inverse: &Inverse{Op: StartNode, Node: "n"}},
	}
	for _, e := range entries {
		line, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, line...)
		ends = append(ends, len(data))
	}
	return data, entries, ends
}

func TestAJournalCutAtAnyByteKeepsItsWholeEntriesAndNoHalfOne(t *testing.T) {
	data, entries, ends := sample(t)
	for cut := range len(data) + 1 {
		whole := 0
		for whole < len(ends) && ends[whole]-1 <= cut { // the newline itself may be missing
			whole++
		}
		d := decode(data[:cut])
		if !reflect.DeepEqual(d.entries, entries[:whole:whole]) && whole+len(d.entries) > 0 {
			t.Fatalf("cut at %d: %d entries, want %d", cut, len(d.entries), whole)
		}
		if s := newState(d); len(s.lost) > 0 {
			t.Fatalf("cut at %d: an entry that was never acknowledged is missed: %v", cut, s.lost)
		}
	}
}

func TestAJournalDamagedAtAnyByteKeepsEveryOtherEntryAndSaysSo(t *testing.T) {
	data, entries, ends := sample(t)
	for at := range data {
		for _, with := range []byte{data[at] ^ 1, data[at] ^ 0x20, 0, '\n', '"', '0'} {
			if with == data[at] {
				continue
			}
			hit := 0
			for ends[hit] <= at {
				hit++
			}
			damaged := bytes.Clone(data)
			damaged[at] = with
			d := decode(damaged)
			isNewline := at == ends[hit]-1
			checkDamaged(t, d, entries, hit, isNewline)
			// Neither a newline nor one of two headers is missed; any other entry is.
			if lost := newState(d).lost; (len(lost) > 0) != (!isNewline && hit > 1) {
				t.Fatalf("byte %d as %q: lost %v", at, with, lost)
			}
		}
	}
}

func checkDamaged(t *testing.T, d decoded, entries []entry, hit int, isNewline bool) {
	t.Helper()
	want := append([]entry{}, entries[:hit]...)
	if isNewline {
		want = append(want, entries[hit])
	}
	want = append(want, entries[hit+1:]...)
	if !reflect.DeepEqual(d.entries, want) {
		t.Fatalf("entry %d damaged (newline: %v): got %d entries, want %d", hit, isNewline, len(d.entries), len(want))
	}
}

func TestACutJournalIsOpenedAndWrittenOn(t *testing.T) {
	data, _, ends := sample(t)
	var cuts []int // around the end of every line and in its middle
	for _, end := range ends {
		cuts = append(cuts, end-1, end, end+1, end+20, end+60)
	}
	for _, cut := range cuts {
		if cut > len(data) {
			continue
		}
		path := filepath.Join(t.TempDir(), "run.journal")
		if err := os.WriteFile(path, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		before := f.pending()
		if listed, err := List(filepath.Dir(path)); err != nil || len(listed[0].Lost) > 0 {
			t.Fatalf("cut at %d, only opened: %+v, %v", cut, listed, err)
		}
		added := Inverse{Op: StartNode, Node: "added"}
		if err := errors.Join(f.Append(added), f.Close()); err != nil {
			t.Fatal(err)
		}
		again, err := Open(path)
		if err != nil {
			t.Fatalf("cut at %d, second time: %v", cut, err)
		}
		after := again.pending()
		if len(after) != len(before)+1 || !reflect.DeepEqual(after[0].Inverse, added) || len(again.lost()) > 0 {
			t.Fatalf("cut at %d: %d inverses became %d, lost %v", cut, len(before), len(after), again.lost())
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAJournalWithoutAHeaderIsNotApplied(t *testing.T) {
	data, _, ends := sample(t)
	for name, content := range map[string][]byte{"cut in the header": data[:ends[0]-5], "headers gone": data[ends[1]:], "empty": nil} {
		path := filepath.Join(t.TempDir(), "run.journal")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, ErrNoHeader) {
			t.Errorf("%s: opened, %v", name, err)
		}
		listed, err := List(filepath.Dir(path))
		if err != nil || len(listed) != 1 || !errors.Is(listed[0].Err, ErrNoHeader) {
			t.Errorf("%s: listed as %+v, %v", name, listed, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, _, ends := sample(f)
	f.Add(data)
	f.Add(data[ends[1]:])
	f.Add(bytes.ReplaceAll(data, []byte("\n"), nil))
	f.Add([]byte(`{"crc":"00000000","len":-1,"entry":}`))
	f.Add([]byte(`{"crc":"00000000","len":9999999999,"entry":{}}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		d := decode(input)
		if d.whole > len(input) {
			t.Fatalf("%d of %d bytes are whole", d.whole, len(input))
		}
		newState(d).pending()
		var again []byte
		for _, e := range d.entries {
			if !e.whole() {
				t.Fatalf("half an entry: %+v", e)
			}
			line, err := encode(e)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, line...)
		}
		if back := decode(again); !reflect.DeepEqual(back.entries, d.entries) {
			t.Fatalf("%d entries do not survive a round trip: %d", len(d.entries), len(back.entries))
		}
		if whole := decode(append(bytes.Clone(input), append([]byte("\n"), again...)...)); len(whole.entries) != 2*len(d.entries) {
			t.Fatalf("entries behind damage: %d, want %d", len(whole.entries), 2*len(d.entries))
		}
	})
}
