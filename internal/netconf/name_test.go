package netconf

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseInterfaceName(t *testing.T) {
	const accepted = ""
	tests := []struct {
		name, value string
		why         string // part of the error
	}{
		{"plain", "net1", accepted},
		{"one byte", "a", accepted},
		{"15 bytes", "123456789012345", accepted},
		{"15 bytes of UTF-8", "ñandúñandúa", accepted},
		{"dots within", "eth0.100", accepted},
		{"three dots", "...", accepted},
		{"at, minus, underscore", "a@b-c_d", accepted},
		{"backslash and quotes", `a\b"c'`, accepted},
		{"prefix all", "all0", accepted},
		{"all in upper case", "ALL", accepted},
		{"prefix default", "default0", accepted},
		{"control byte 1", "a\x01b", accepted},
		{"escape", "a\x1bb", accepted},
		{"backspace, below the tab", "a\bb", accepted},
		{"shift out, above the carriage return", "a\x0eb", accepted},
		{"delete", "a\x7fb", accepted},
		{"next line, not a space in the kernel", "a\u0084b", accepted},

		{"not UTF-8", "a\xffb", "UTF-8"},
		{"16 bytes", "1234567890123456", "15 bytes"},
		{"16 bytes of UTF-8", "ñandúñandúab", "15 bytes"},
		{"dot", ".", "reserved by the kernel"},
		{"dot dot", "..", "reserved by the kernel"},
		{"all", "all", "reserved by the kernel"},
		{"default", "default", "reserved by the kernel"},
		{"pattern", "tap%d", "pattern"},
		{"only percent", "%", "pattern"},
		{"slash", "a/b", `"/"`},
		{"colon", "a:b", `":"`},
		{"space", "a b", `" "`},
		{"space at the end", "a ", `" "`},
		{"tab", "a\tb", `"\t"`},
		{"newline", "a\nb", `"\n"`},
		{"vertical tab", "a\vb", `"\v"`},
		{"form feed", "a\fb", `"\f"`},
		{"carriage return", "a\rb", `"\r"`},
		{"NUL", "a\x00b", `"\x00"`},
		{"byte 0xa0 within a letter", "voilà", `"\xa0"`},
		{"no-break space", "a\u00a0b", `"\u00a0"`},
	}
	for _, tt := range tests {
		t.Run("CNI_IFNAME/"+tt.name, func(t *testing.T) {
			call := callOf(vmsWith(""))
			call.IfName = tt.value
			conf, err := Parse(call)
			if tt.why == accepted {
				if err != nil || conf.IfName != tt.value {
					t.Errorf("Parse of CNI_IFNAME=%q\nwant no error\ngot  %v", tt.value, err)
				}
				return
			}
			var variable *VarError
			if !errors.As(err, &variable) || variable.Var != "CNI_IFNAME" || variable.Value != tt.value {
				t.Fatalf("error\nwant a VarError for CNI_IFNAME=%q\ngot  %v", tt.value, err)
			}
			if !strings.Contains(err.Error(), tt.why) {
				t.Errorf("text\nwant it to contain %s\ngot  %v", tt.why, err)
			}
		})
		t.Run("bridge/"+tt.name, func(t *testing.T) {
			if !utf8.ValidString(tt.value) {
				return // a JSON string cannot contain it
			}
			value, err := json.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			conf, err := Parse(callOf(vmsWith(`"bridge": ` + string(value))))
			if tt.why == accepted {
				if err != nil || conf.Tap.Bridge != tt.value {
					t.Errorf("Parse of bridge %s\nwant no error\ngot  %v", value, err)
				}
				return
			}
			wantKeyError(t, err, "bridge", string(value), "name of a bridge")
			if err != nil && !strings.Contains(err.Error(), tt.why) {
				t.Errorf("text\nwant it to contain %s\ngot  %v", tt.why, err)
			}
		})
		t.Run("tapName/"+tt.name, func(t *testing.T) {
			if !utf8.ValidString(tt.value) {
				return // a JSON string cannot contain it
			}
			value, err := json.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			conf, err := Parse(callOf(vmsWith(`"tapName": ` + string(value) + `, ` + prevNet1)))
			if tt.why == accepted {
				if err != nil || conf.Tap.Name != tt.value {
					t.Errorf("Parse of tapName %s\nwant no error\ngot  %v", value, err)
				}
				return
			}
			wantKeyError(t, err, "tapName", string(value), "interface name")
			if err != nil && !strings.Contains(err.Error(), tt.why) {
				t.Errorf("text\nwant it to contain %s\ngot  %v", tt.why, err)
			}
		})
	}
}

func TestParseInterfaceNameEmptyRefused(t *testing.T) {
	call := callOf(vmsWith(""))
	call.IfName = ""
	_, err := Parse(call)
	var variable *VarError
	if !errors.As(err, &variable) || variable.Var != "CNI_IFNAME" {
		t.Errorf("error\nwant a VarError for CNI_IFNAME\ngot  %v", err)
	}
}

// Names of one byte can be tested completely, against isspace of the kernel's lib/ctype.c.
func TestParseInterfaceNameEveryByte(t *testing.T) {
	const refused = "\x00\t\n\v\f\r %./:\xa0" // a dot is only rejected as the whole name
	for b := range 256 {
		name := string([]byte{byte(b)})
		want := !strings.Contains(refused, name) && b < 0x80 // a single byte above 0x7f is not UTF-8
		if got := checkInterfaceName(name) == nil; got != want {
			t.Errorf("name of the byte %#02x accepted\nwant %v\ngot  %v", b, want, got)
		}
		if want := strings.Contains(strings.NewReplacer("%", "", ".", "").Replace(refused), name); isReserved(byte(b)) != want {
			t.Errorf("byte %#02x reserved\nwant %v\ngot  %v", b, want, !want)
		}
	}
}
