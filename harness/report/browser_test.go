package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// browser finds a headless browser. NOV30_REQUIRE_BROWSER=1 makes a machine without one fail instead of skipping.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no chromium, chromium-browser or google-chrome in PATH: that the report renders was not looked at"
	if os.Getenv("NOV30_REQUIRE_BROWSER") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// browse opens a file in a browser without a network and returns what it prints.
func browse(t *testing.T, program, file string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, program, append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
		"--user-data-dir=" + filepath.Join(home, "profile"), "--proxy-server=127.0.0.1:1", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars",
		"--virtual-time-budget=2000", "--force-device-scale-factor=1"}, append(args, (&url.URL{Scheme: "file", Path: file}).String())...)...)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a browser is many processes
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v (%v)\n%.2000s", program, err, context.Cause(ctx), stderr.String())
	}
	return out
}

// seenInBrowser is what is measured of a page.
type seenInBrowser struct {
	Wide, Screen int
	Closed       int // details of which only the summary is to be seen
	Timelines    []struct{ Width, Height float64 }
	Outside      []string // what reaches over the right edge although it is in no box that scrolls
}

// wrapper shows a page as it is in a frame of a width, since a browser's own window is never as narrow as a phone's, and
// measures it from outside: the page's own policy stays.
var wrapper = template.Must(template.New("").Parse(`<!DOCTYPE html><body style="margin:0">
<iframe srcdoc="{{.Page}}" style="display:block;border:0;width:{{.Width}}px;height:{{.Height}}px"></iframe>
<script>addEventListener('load', () => {
const page = frames[0].document, screen = frames[0].innerWidth;
const found = {Wide: page.documentElement.scrollWidth, Screen: screen, Closed: 0, Timelines: [], Outside: []};
for (const d of page.querySelectorAll('details')) if (d.getBoundingClientRect().height - d.querySelector('summary').getBoundingClientRect().height < 8) found.Closed++;
for (const s of page.querySelectorAll('svg.timeline')) { const r = s.getBoundingClientRect(); found.Timelines.push({Width: r.width, Height: r.height}); }
for (const e of page.querySelectorAll('body *')) { if (e.closest('.box, pre, svg')) continue;
  if (e.getBoundingClientRect().right > screen + 1) found.Outside.push(e.tagName + '.' + e.className); }
document.documentElement.dataset.found = JSON.stringify(found); });</script>`))

// look opens a page on a screen of a size and measures it.
func look(t *testing.T, program, page string, width, height int, args ...string) seenInBrowser {
	t.Helper()
	file := filepath.Join(t.TempDir(), "wrapper.html")
	var text bytes.Buffer
	err := wrapper.Execute(&text, map[string]any{"Page": page, "Width": width, "Height": height})
	if err == nil {
		err = os.WriteFile(file, text.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	dom := browse(t, program, file, append(args, "--dump-dom", fmt.Sprintf("--window-size=%d,%d", width, height))...)
	m := regexp.MustCompile(`data-found="([^"]*)"`).FindSubmatch(dom)
	if m == nil {
		t.Fatalf("nothing was measured: %.500s", dom)
	}
	var found seenInBrowser
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(m[1]), "&quot;", `"`)), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// shot decodes a screenshot and checks that it is of the size and shows something: many colours, and all of these.
func shot(t *testing.T, file string, width, height int, colours ...color.RGBA) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != image.Rect(0, 0, width, height) {
		t.Errorf("%s is %v, want %d by %d", file, img.Bounds(), width, height)
	}
	count := map[color.RGBA]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			count[color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)]++
		}
	}
	if len(count) < 30 {
		t.Errorf("%s has %d colours: it is blank", file, len(count))
	}
	for _, c := range colours {
		if count[c] < 50 {
			t.Errorf("%s has %d pixels of %v", file, count[c], c)
		}
	}
}

// The colours of a lane, as style.css has them on a light screen.
var laneRed, laneGreen = color.RGBA{0xb3, 0x26, 0x1e, 0xff}, color.RGBA{0x7c, 0xc4, 0x9a, 0xff}

func TestTheReportRendersInABrowser(t *testing.T) {
	program := browser(t)
	r := gallery(found())
	r.Verdicts = r.Verdicts[3:] // vandal, relapse and gap
	page, timelines := html(t, r), 3*len(r.Verdicts)
	dir := t.TempDir()
	file := filepath.Join(dir, HTMLFile)
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	desktop, phone, pdf := filepath.Join(dir, "desktop.png"), filepath.Join(dir, "phone.png"), filepath.Join(dir, "print.pdf")

	t.Run("on a desktop", func(t *testing.T) {
		dom := string(browse(t, program, file, "--window-size=1280,2400", "--dump-dom", "--screenshot="+desktop))
		shot(t, desktop, 1280, 2400, laneRed, laneGreen)
		for _, what := range []string{`class="timeline"`, `class="probe"`, `class="flag bite"`, `class="red"`, `class="unchecked"`, "<table>", "<details",
			`class="plus"`, `class="minus"`, "subjects[0].name: system:nodes", "Certificates seen (1)"} {
			if got, want := strings.Count(dom, what), strings.Count(page, what); got != want || want == 0 {
				t.Errorf("%d %s in the DOM, want %d", got, what, want)
			}
		}
		for _, v := range r.Verdicts {
			if !strings.Contains(dom, template.HTMLEscapeString(v.Name)+" <span class=\"pill") {
				t.Errorf("%s is not in the DOM", v.Name)
			}
		}
	})
	t.Run("on a phone", func(t *testing.T) {
		found := look(t, program, page, 390, 844, "--screenshot="+phone)
		if fits(t, found, 390, timelines); found.Closed != strings.Count(page, "<details")-strings.Count(page, " open>") || found.Closed == 0 {
			t.Errorf("%d details are closed: in print they are open, on a screen they are not", found.Closed)
		}
		shot(t, phone, 390, 844)
	})
	t.Run("on a small phone, with hostile texts", func(t *testing.T) {
		attack := strings.Repeat("nospace", 40) + attacks["elements"] + attacks["quotes"]
		fits(t, look(t, program, html(t, spoilt(attack)), 360, 740), 360, 3)
	})
	t.Run("in print", func(t *testing.T) {
		found := look(t, program, strings.Replace(page, "@media print {", "@media all {", 1), 720, 1000)
		if fits(t, found, 720, timelines); found.Closed > 0 {
			t.Errorf("%d details are closed in print", found.Closed)
		}
		browse(t, program, file, "--no-pdf-header-footer", "--print-to-pdf="+pdf)
		text, err := os.ReadFile(pdf)
		if n := bytes.Count(text, []byte("/Type /Page\n")); err != nil || !bytes.HasPrefix(text, []byte("%PDF-")) || n < timelines {
			t.Errorf("%d pages: %v", n, err)
		}
	})
}

// fits checks that nothing reaches over a screen but within boxes that scroll, and that all timelines are as wide as it.
func fits(t *testing.T, found seenInBrowser, width, timelines int) {
	t.Helper()
	if found.Screen != width || found.Wide > width || len(found.Outside) > 0 {
		t.Errorf("the page is %d wide on a screen of %d (want %d); outside: %v", found.Wide, found.Screen, width, found.Outside)
	}
	if len(found.Timelines) != timelines {
		t.Errorf("%d timelines, want %d", len(found.Timelines), timelines)
	}
	for i, line := range found.Timelines {
		if line.Width < 0.8*float64(width) || line.Width > float64(width) || line.Height < 100 {
			t.Errorf("timeline %d is %g by %g", i+1, line.Width, line.Height)
		}
	}
}
