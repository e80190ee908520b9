package report

// timesNote says how to read the table of where the time went.
const timesNote = "In seconds; – is a part that there was not, vain what was waited for and did not come. What ran at the same time counts each, so the total of a run with several " +
	"clusters is more than its clock showed."

// times writes where the time went.
func (p *page) times(t timeTable) {
	rows := t.rows()
	if rows == nil {
		return
	}
	for _, row := range rows {
		for i := range row[:2] {
			row[i] = markdown(row[i], nameMax+1) // and the ellipsis
		}
	}
	p.line("## Where the time went\n")
	p.line("%s\n", timesNote)
	p.table(rows...)
}

// timesView is where the time went in report.html.
type timesView struct {
	Note    string
	Columns []string // behind scenario and arm
	Rows    []timesRow
	Total   timesRow
}

type timesRow struct {
	Scenario, Arm string
	Cells         []string
}

func timesViewOf(t timeTable) *timesView {
	rows := t.rows()
	if rows == nil {
		return nil
	}
	row := func(words []string) timesRow { return timesRow{words[0], words[1], words[2:]} }
	last := len(rows) - 1
	view := &timesView{Note: timesNote, Columns: rows[0][2:], Total: row(rows[last])}
	for _, words := range rows[1:last] {
		view.Rows = append(view.Rows, row(words))
	}
	return view
}
