package measure

import "testing"

func TestTable(t *testing.T) {
	got := Table([][]string{
		{"case", "ratio", ""},
		{"a longer one", "0.36 (0.35–0.37)", "met"},
		{"b", "2", ""},
	})
	const want = `| case         | ratio            |     |
|--------------|------------------|-----|
| a longer one | 0.36 (0.35–0.37) | met |
| b            | 2                |     |
`
	if got != want {
		t.Errorf("\nwant\n%s\ngot\n%s", want, got)
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0.0016: "0.0016", 0.0094: "0.0094", 0.01: "0.010", 0.3564: "0.356", 0.9996: "1.00", 1: "1.00", 3.456: "3.46", 9.996: "10.0",
		12.34: "12.3", 99.94: "99.9", 99.96: "100", 123.4: "123", 999.4: "999", 999.6: "1,000", 5058.7: "5,059",
	} {
		if got := Number(x); got != want {
			t.Errorf("%v: want %s, got %s", x, want, got)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 12: "12", 123: "123", 1234: "1,234", 12345: "12,345", 123456: "123,456", 3500000: "3,500,000",
	} {
		if got := Grouped(n); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}

func TestEstimateMarksTooFew(t *testing.T) {
	if got, want := (Estimate{1, 2, 3, true}).String(), "2.00 (1.00–3.00)"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if got, want := (Estimate{1, 2, 3, false}).String(), "2.00 (1.00–3.00)*"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}
