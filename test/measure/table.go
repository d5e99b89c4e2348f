package measure

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Table makes a Markdown table with columns as wide as their widest cell, so that it can be read
// as text too. The first row is the header.
func Table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		line(&b, row, widths)
		if i == 0 {
			for _, width := range widths {
				b.WriteString("|" + strings.Repeat("-", width+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

func line(b *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1))
	}
	b.WriteString("|\n")
}

// Number has about three digits that count, and all before the point.
func Number(x float64) string {
	switch {
	case x >= 999.5:
		return Whole(x)
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	case x >= 0.9995:
		return fmt.Sprintf("%.2f", x)
	case x >= 0.01:
		return fmt.Sprintf("%.3f", x)
	}
	return fmt.Sprintf("%.4f", x)
}

// Grouped writes 3,500,000.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Whole is a count; the median of an even number of counts may lie between two.
func Whole(x float64) string { return Grouped(int64(math.Round(x))) }

// String is the median and, in brackets, the quartiles.
func (s Summary) String() string {
	return fmt.Sprintf("%s (%s–%s)", Number(s.Median), Number(s.Low), Number(s.High))
}

// String is the median and, in brackets, the interval; an asterisk says that it is the range of too few.
func (e Estimate) String() string {
	mark := ""
	if !e.Sure {
		mark = "*"
	}
	return fmt.Sprintf("%s (%s–%s)%s", Number(e.Median), Number(e.Low), Number(e.High), mark)
}
