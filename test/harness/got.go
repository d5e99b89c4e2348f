package harness

import (
	"encoding/json"
	"strings"
	"testing"
)

// Got is what one execution of the plugin left on its outputs.
type Got struct {
	t              testing.TB
	Exit           int
	Stdout, Stderr string
}

// Result is a CNI result as any runtime reads it, of cniVersion 0.3.0 and later.
type Result struct {
	CNIVersion string      `json:"cniVersion"`
	Interfaces []Interface `json:"interfaces"`
	IPs        []IP        `json:"ips"`
	Routes     []Route     `json:"routes"`
	DNS        DNS         `json:"dns"`
}

// Interface is an entry of a result.
type Interface struct {
	Name    string `json:"name"`
	MAC     string `json:"mac"`
	MTU     int    `json:"mtu"`
	Sandbox string `json:"sandbox"`
}

// IP is an entry of a result.
type IP struct {
	Interface *int   `json:"interface"`
	Address   string `json:"address"`
	Gateway   string `json:"gateway"`
}

// Route is an entry of a result.
type Route struct {
	Dst   string `json:"dst"`
	GW    string `json:"gw"`
	MTU   int    `json:"mtu"`
	Table *int   `json:"table"`
}

// DNS is part of a result.
type DNS struct {
	Nameservers []string `json:"nameservers"`
	Domain      string   `json:"domain"`
}

// Error is a CNI error object.
type Error struct {
	Code    int    `json:"code"`
	Msg     string `json:"msg"`
	Details string `json:"details"`
}

// WantOK fails unless the verb succeeded.
func (g Got) WantOK() Got {
	g.t.Helper()
	if g.Exit != 0 {
		g.t.Fatalf("exit %d\nstdout: %s\nstderr: %s", g.Exit, g.Stdout, g.Stderr)
	}
	return g
}

// Result decodes the result of a successful ADD.
func (g Got) Result() Result {
	g.t.Helper()
	g.WantOK()
	var r Result
	if err := json.Unmarshal([]byte(g.Stdout), &r); err != nil {
		g.t.Fatalf("result: %v\n%s", err, g.Stdout)
	}
	return r
}

// WantError fails unless the verb printed one proper error object with that code
// whose message and details contain all the texts.
func (g Got) WantError(code int, texts ...string) Error {
	g.t.Helper()
	var e Error
	if g.Exit == 0 {
		g.t.Fatalf("succeeded, want error %d\nstdout: %s", code, g.Stdout)
	}
	if err := json.Unmarshal([]byte(g.Stdout), &e); err != nil {
		g.t.Fatalf("stdout is not one error object: %v\n%s\nstderr: %s", err, g.Stdout, g.Stderr)
	}
	if e.Code != code {
		g.t.Errorf("code %d, want %d: %s; %s", e.Code, code, e.Msg, e.Details)
	}
	if strings.Contains(e.Msg, "\n") {
		g.t.Errorf("the message has several lines: %q", e.Msg)
	}
	for _, text := range texts {
		if !strings.Contains(e.Msg+"; "+e.Details, text) {
			g.t.Errorf("error does not say %q: %s; %s", text, e.Msg, e.Details)
		}
	}
	return e
}
