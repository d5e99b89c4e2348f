package ipam

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// journal returns a Call with a file $JOURNAL that the plugin can write to, and a function that returns the
// content of the file.
func journal(t *testing.T) (Call, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	call := Call{Env: []string{"JOURNAL=" + path, "PATH=" + os.Getenv("PATH")}, CNIVersion: "1.0.0"}
	return call, func() string {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // nothing written yet
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(text)), " ")
	}
}

func TestNilLease(t *testing.T) {
	var lease *Lease
	if result, err := lease.Wait(); result != nil || err != nil {
		t.Errorf("Wait\nwant nil, no error\ngot  %v, %v", result, err)
	}
	if err := lease.Release(context.Background()); err != nil {
		t.Errorf("Release\nwant no error\ngot  %v", err)
	}
}

func TestLeaseWait(t *testing.T) {
	tests := []struct{ name, printed string }{
		{"version of the configuration", `{"ips": [{"address": "10.0.0.5/24"}]}`},
		{"version of the result", `{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.0.0.5/24"}]}`},
		{"version 0.2.0", `{"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.5/24"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pluginOf(t, `echo '`+tt.printed+`'`)
			result, err := p.Start(context.Background(), Call{CNIVersion: "1.0.0"}).Wait()
			if err != nil {
				t.Fatalf("Wait\nwant no error\ngot  %v", err)
			}
			if len(result.IPs) != 1 || result.IPs[0].Address.String() != "10.0.0.5/24" {
				t.Errorf("IPs\nwant 10.0.0.5/24\ngot  %v", result.IPs)
			}
		})
	}
}

func TestLeaseWaitBadResult(t *testing.T) {
	tests := []struct{ name, printed string }{
		{"empty", ``},
		{"not JSON", `10.0.0.5`},
		{"empty object", `{}`},
		{"no addresses", `{"cniVersion": "1.0.0", "ips": []}`},
		{"unknown version", `{"cniVersion": "9.9.9", "ips": [{"address": "10.0.0.5/24"}]}`},
		{"invalid address", `{"ips": [{"address": "10.0.0.5"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pluginOf(t, `echo '`+tt.printed+`'`)
			result, err := p.Start(context.Background(), Call{CNIVersion: "1.0.0"}).Wait()
			var failed *Error
			if result != nil || !errors.Is(err, ErrBadResult) ||
				!errors.As(err, &failed) || failed.Plugin != "fake" || failed.Verb != "ADD" {
				t.Errorf("Wait\nwant %v, plugin fake, verb ADD\ngot  %v, %v", ErrBadResult, result, err)
			}
		})
	}
}

func TestLeaseReleaseWaitsForADD(t *testing.T) {
	call, verbs := journal(t)
	p := pluginOf(t, `[ $CNI_COMMAND = ADD ] && sleep 0.2
		echo $CNI_COMMAND >>"$JOURNAL"
		echo '{"ips": [{"address": "10.0.0.5/24"}]}'`)

	lease := p.Start(context.Background(), call)
	if err := lease.Release(context.Background()); err != nil {
		t.Errorf("Release\nwant no error\ngot  %v", err)
	}
	if got, want := verbs(), "ADD DEL"; got != want {
		t.Errorf("verbs that the plugin ran\nwant %s\ngot  %s", want, got)
	}
}

func TestLeaseReleaseAfterFailedADD(t *testing.T) {
	call, verbs := journal(t)
	p := pluginOf(t, `echo $CNI_COMMAND >>"$JOURNAL"; [ $CNI_COMMAND = DEL ]`)

	lease := p.Start(context.Background(), call)
	if _, err := lease.Wait(); err == nil {
		t.Error("Wait\nwant an error\ngot  none")
	}
	if err := lease.Release(context.Background()); err != nil {
		t.Errorf("Release after a failed ADD\nwant no error\ngot  %v", err)
	}
	if got, want := verbs(), "ADD DEL"; got != want {
		t.Errorf("verbs that the plugin ran\nwant %s\ngot  %s", want, got)
	}
}

func TestLeaseReleaseError(t *testing.T) {
	p := pluginOf(t, `[ $CNI_COMMAND = ADD ] && echo '{"ips": [{"address": "10.0.0.5/24"}]}'`)

	lease := p.Start(context.Background(), Call{CNIVersion: "1.0.0", Env: []string{"PATH=" + os.Getenv("PATH")}})
	err := lease.Release(context.Background())
	if want := `IPAM plugin "fake": DEL: exit status 1`; err == nil || err.Error() != want {
		t.Errorf("Release\nwant %s\ngot  %v", want, err)
	}
}

func TestDelAndCheckSetCommand(t *testing.T) {
	call, verbs := journal(t)
	p := pluginOf(t, `echo $CNI_COMMAND >>"$JOURNAL"`)
	for _, verb := range []func(context.Context, Call) error{p.Del, p.Check} {
		if err := verb(context.Background(), call); err != nil {
			t.Errorf("verb\nwant no error\ngot  %v", err)
		}
	}
	if got, want := verbs(), "DEL CHECK"; got != want {
		t.Errorf("verbs that the plugin ran\nwant %s\ngot  %s", want, got)
	}
}
