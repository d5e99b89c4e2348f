package cni

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

// codes are the error codes by their names in the source.
var codes = map[string]uint{
	"types.ErrIncompatibleCNIVersion":      types.ErrIncompatibleCNIVersion,
	"types.ErrInvalidEnvironmentVariables": types.ErrInvalidEnvironmentVariables,
	"types.ErrIOFailure":                   types.ErrIOFailure,
	"types.ErrDecodingFailure":             types.ErrDecodingFailure,
	"types.ErrInvalidNetworkConfig":        types.ErrInvalidNetworkConfig,
	"types.ErrInvalidNetNS":                types.ErrInvalidNetNS,
	"types.ErrTryAgainLater":               types.ErrTryAgainLater,
	"types.ErrPluginNotAvailable":          types.ErrPluginNotAvailable,
	"types.ErrLimitedConnectivity":         types.ErrLimitedConnectivity,
	"CodeNameTaken":                        CodeNameTaken,
	"CodeDevice":                           CodeDevice,
	"CodeIPAM":                             CodeIPAM,
	"CodeLayer3":                           CodeLayer3,
	"CodeCheck":                            CodeCheck,
	"CodeLabel":                            CodeLabel,
	"CodeBridge":                           CodeBridge,
	"CodeInterrupted":                      CodeInterrupted,
	"CodeUnknown":                          CodeUnknown,
	"CodeBandwidth":                        CodeBandwidth,
	"CodeRedirect":                         CodeRedirect,
}

// filesOf returns the names of the Go files of all internal packages: the tests, or all others.
func filesOf(t *testing.T, tests bool) []string {
	t.Helper()
	all, err := filepath.Glob("../*/*.go")
	if err != nil || len(all) == 0 {
		t.Fatalf("Go files\nwant some\ngot  %d, %v", len(all), err)
	}
	return slices.DeleteFunc(all, func(file string) bool { return strings.HasSuffix(file, "_test.go") != tests })
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// docs/errors.md and the README list the codes that the plugin can give, and no others.
func TestErrorCodesAreDocumented(t *testing.T) {
	used := map[uint]bool{}
	for _, file := range filesOf(t, false) {
		for _, name := range regexp.MustCompile(`\btypes\.Err[A-Z]\w+|\bCode[A-Z]\w+`).FindAllString(readText(t, file), -1) {
			code, known := codes[name]
			if !known {
				t.Errorf("%s: %s\nwant it in the list of codes above\ngot  an unknown code", file, name)
			}
			used[code] = true
		}
	}
	delete(used, types.ErrIncompatibleCNIVersion) // the text below the table of docs/errors.md explains it
	var want []uint
	for code := range used {
		want = append(want, code)
	}
	slices.Sort(want)
	for _, file := range []string{"../../docs/errors.md", "../../README.md"} {
		var got []uint
		for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(readText(t, file), -1) {
			code, err := strconv.ParseUint(row[1], 10, 0)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, uint(code))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("codes in %s\nwant %d\ngot  %d", file, want, got)
		}
	}
}

// kindLiteral is a Kind in the source.
type kindLiteral struct {
	place        string
	code, advice ast.Expr
}

// kindsOf returns the literals of type Kind in the source of all packages, and the string constants by name.
func kindsOf(t *testing.T) ([]kindLiteral, map[string]string) {
	t.Helper()
	var kinds []kindLiteral
	constants := map[string]string{}
	files := token.NewFileSet()
	for _, name := range filesOf(t, false) {
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.CompositeLit:
				if nameOf(n.Type) == "Kind" && len(n.Elts) > 0 {
					kinds = append(kinds, kindLiteral{files.Position(n.Pos()).String(), field(n, "Code", 0), field(n, "Advice", 1)})
				}
			case *ast.CallExpr: // Kind.With
				if kind, ok := n.Fun.(*ast.SelectorExpr); ok && kind.Sel.Name == "With" {
					kinds = append(kinds, kindLiteral{files.Position(n.Pos()).String(), kind.X, n.Args[0]})
				}
			case *ast.ValueSpec:
				for i, value := range n.Values {
					if text, ok := literal(value); ok {
						constants[n.Names[i].Name] = text
					}
				}
			}
			return true
		})
	}
	return kinds, constants
}

// nameOf returns the last part of a name such as cni.Kind.
func nameOf(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// field returns a field of a literal, with or without its name.
func field(lit *ast.CompositeLit, name string, at int) ast.Expr {
	for _, elt := range lit.Elts {
		if pair, ok := elt.(*ast.KeyValueExpr); ok && nameOf(pair.Key) == name {
			return pair.Value
		}
	}
	if _, named := lit.Elts[0].(*ast.KeyValueExpr); !named && at < len(lit.Elts) {
		return lit.Elts[at]
	}
	return nil
}

// literal returns the value of a string literal, or of a sum of literals.
func literal(expr ast.Expr) (string, bool) {
	if sum, ok := expr.(*ast.BinaryExpr); ok {
		left, isLeft := literal(sum.X)
		right, isRight := literal(sum.Y)
		return left + right, isLeft && isRight
	}
	lit, ok := expr.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// Each Kind has a code that means something and advice, and a test compares that advice word by
// word (TestCNIErrorCodes of package feature, and its likes in other packages).
func TestEveryKindHasCodeAndAdvice(t *testing.T) {
	var tests strings.Builder
	for _, file := range filesOf(t, true) {
		tests.WriteString(readText(t, file))
	}
	kinds, constants := kindsOf(t)
	tested := 0
	for _, kind := range kinds {
		if code := nameOf(kind.code); code == "" || code == "ErrInternal" || code == "ErrUnknown" {
			t.Errorf("%s: code\nwant the name of a code\ngot  %v", kind.place, kind.code)
		}
		advice, ok := literal(kind.advice)
		if !ok {
			advice, ok = constants[nameOf(kind.advice)]
		}
		switch {
		case kind.advice == nil || ok && advice == "":
			t.Errorf("%s: advice\nwant the operator's next step\ngot  nothing", kind.place)
		case ok && !strings.Contains(tests.String(), strconv.Quote(advice)):
			t.Errorf("%s: advice\nwant a test with the words\ngot  none with %q", kind.place, advice)
		case ok:
			tested++
		}
	}
	if tested < 25 {
		t.Errorf("kinds\nwant 25 or more\ngot  %d: the source is written in a way that this test does not read", tested)
	}
}
