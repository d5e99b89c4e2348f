package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"tap/test/measure"
)

// figure is a plot of the latency of both plugins against a scale.
type figure struct {
	file, title, scale string
	points             []point
}

// write draws the figure into an SVG file.
func (f figure) write(path string) error {
	p := plot.New()
	p.BackgroundColor = color.White // GitHub may be dark
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = f.title, f.scale, "median time of one ADD, ms"
	f.axes(p)
	blue, orange := color.RGBA{0x1f, 0x5f, 0xbf, 0xff}, color.RGBA{0xd9, 0x5f, 0x02, 0xff}
	grey := color.Gray{0xdd}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = grey, grey
	p.Add(grid)

	for _, line := range []struct {
		name  string
		of    func(point) measure.Summary
		color color.Color
		shape draw.GlyphDrawer
	}{
		{"reference", func(p point) measure.Summary { return p.reference }, orange, draw.BoxGlyph{}},
		{"tap", func(p point) measure.Summary { return p.tap }, blue, draw.CircleGlyph{}},
	} {
		var xys plotter.XYs
		for _, at := range f.points {
			xys = append(xys, plotter.XY{X: math.Log10(float64(at.at)), Y: math.Log10(line.of(at).Median)})
		}
		curve, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return fmt.Errorf("plot %s: %w", f.title, err)
		}
		curve.Color, curve.Width = line.color, vg.Points(2)
		dots.Color, dots.Shape, dots.Radius = line.color, line.shape, vg.Points(4)
		p.Add(curve, dots)
		p.Legend.Add(line.name, curve, dots)
	}
	return save(p, path)
}

// axes makes both axes logarithmic: a mark at each measured place, and at 1, 2, 5, 10, … ms. They are
// linear in the logarithm, since with plot.LogScale the library makes room for labels in the wrong places.
func (f figure) axes(p *plot.Plot) {
	var marks plot.ConstantTicks
	least, most := math.Inf(1), 0.0
	for _, at := range f.points {
		marks = append(marks, plot.Tick{Value: math.Log10(float64(at.at)), Label: measure.Grouped(int64(at.at))})
		least, most = min(least, at.tap.Median, at.reference.Median), max(most, at.tap.Median, at.reference.Median)
	}
	p.X.Tick.Marker = marks
	p.X.Min, p.X.Max = marks[0].Value, marks[len(marks)-1].Value
	var steps plot.ConstantTicks
	for _, step := range ladder(least, 2*most) { // room for the legend
		steps = append(steps, plot.Tick{Value: math.Log10(step), Label: strconv.FormatFloat(step, 'g', 6, 64)})
	}
	p.Y.Tick.Marker = steps
	p.Y.Min, p.Y.Max = steps[0].Value, steps[len(steps)-1].Value
}

// ladder has the steps 1, 2, 5, 10, … from the last not above least to the first not below most.
func ladder(least, most float64) []float64 {
	var steps []float64
	for decade := math.Pow10(int(math.Floor(math.Log10(least)))); ; decade *= 10 {
		for _, digit := range []float64{1, 2, 5} {
			step := digit * decade
			if step <= least {
				steps = nil
			}
			steps = append(steps, step)
			if step >= most {
				return steps
			}
		}
	}
}

// save writes the plot with letters that every browser has.
func save(p *plot.Plot, path string) error {
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	p.Title.Padding = vg.Points(8)
	for _, f := range []struct {
		font *font.Font
		size float64
	}{
		{&p.Title.TextStyle.Font, 15}, {&p.Legend.TextStyle.Font, 13},
		{&p.X.Label.TextStyle.Font, 13}, {&p.Y.Label.TextStyle.Font, 13},
		{&p.X.Tick.Label.Font, 12}, {&p.Y.Tick.Label.Font, 12},
	} {
		f.font.Variant, f.font.Size = "Sans", vg.Points(f.size)
	}
	canvas := vgsvg.New(18*vg.Centimeter, 11*vg.Centimeter)
	area, margin := draw.New(canvas), vg.Points(10)
	area.SetColor(p.BackgroundColor)
	area.Fill(area.Path())
	p.Draw(draw.Crop(area, margin, -margin, margin, -margin))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	text := bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}
