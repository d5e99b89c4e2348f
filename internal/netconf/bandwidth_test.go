package netconf

import "testing"

func TestParseBandwidth(t *testing.T) {
	const (
		key     = `"bandwidth": {"ingressRate": 1000, "ingressBurst": 700000, "egressRate": 2000, "egressBurst": 800000}`
		runtime = `"runtimeConfig": {"bandwidth": `
	)
	var (
		none    = Bandwidth{}
		ofKey   = Bandwidth{Ingress: Limit{Rate: 1000, Burst: 700000}, Egress: Limit{Rate: 2000, Burst: 800000}}
		ingress = func(rate, burst uint64) Bandwidth { return Bandwidth{Ingress: Limit{Rate: rate, Burst: burst}} }
		egress  = func(rate, burst uint64) Bandwidth { return Bandwidth{Egress: Limit{Rate: rate, Burst: burst}} }
	)
	tests := []struct {
		name, members string
		want          Bandwidth
	}{
		{"absent", ``, none},
		{"null", `"bandwidth": null`, none},
		{"empty", `"bandwidth": {}`, none},
		{"nulls", `"bandwidth": {"ingressRate": null, "ingressBurst": null, "egressRate": null, "egressBurst": null}`, none},
		{"zeros", `"bandwidth": {"ingressRate": 0, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}`, none},
		{"both directions", key, ofKey},
		{"ingress alone", `"bandwidth": {"ingressRate": 1000, "ingressBurst": 700000}`, ingress(1000, 700000)},
		{"egress alone", `"bandwidth": {"egressRate": 2000, "egressBurst": 800000}`, egress(2000, 800000)},
		{"egress zero", `"bandwidth": {"ingressRate": 1000, "ingressBurst": 700000, "egressRate": 0, "egressBurst": 0}`,
			ingress(1000, 700000)},
		{"ingress null", `"bandwidth": {"ingressRate": null, "ingressBurst": null, "egressRate": 2000, "egressBurst": 800000}`,
			egress(2000, 800000)},
		{"ingress smallest", `"bandwidth": {"ingressRate": 8, "ingressBurst": 640000}`, ingress(8, 640000)},
		{"ingress largest", `"bandwidth": {"ingressRate": 1000000000000000, "ingressBurst": 34359738359}`,
			ingress(1000000000000000, 34359738359)},
		{"egress smallest", `"bandwidth": {"egressRate": 8, "egressBurst": 640000}`, egress(8, 640000)},
		{"egress largest", `"bandwidth": {"egressRate": 1000000000000000, "egressBurst": 34359738359}`,
			egress(1000000000000000, 34359738359)},
		{"keys in another case", `"bandwidth": {"EGRESSRATE": 8, "egressburst": 640000}`, egress(8, 640000)},
		{"unknown key from the runtime", runtime + `{"egressRate": 8, "egressBurst": 640000, "shapedSubnets": ["10.0.0.0/8"]}}`,
			egress(8, 640000)},

		{"runtimeConfig alone", runtime + `{"ingressRate": 16, "ingressBurst": 640000}}`, ingress(16, 640000)},
		{"runtimeConfig overrides the key, ingress", runtime + `{"ingressRate": 16, "ingressBurst": 640000}}, ` + key,
			Bandwidth{Limit{16, 640000}, ofKey.Egress}},
		{"runtimeConfig overrides the key, egress", runtime + `{"egressRate": 16, "egressBurst": 640000}}, ` + key,
			Bandwidth{ofKey.Ingress, Limit{16, 640000}}},
		{"runtimeConfig without bandwidth", `"runtimeConfig": {"mac": "02:00:00:00:00:01"}, ` + key, ofKey},
		{"runtimeConfig null", `"runtimeConfig": null, ` + key, ofKey},
		{"runtimeConfig.bandwidth null", runtime + `null}, ` + key, ofKey},
		{"runtimeConfig.bandwidth empty", runtime + `{}}, ` + key, ofKey},
		{"runtimeConfig.bandwidth zero",
			runtime + `{"ingressRate": 0, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}}, ` + key, ofKey},
		{"runtimeConfig.bandwidth zero, without the key",
			runtime + `{"ingressRate": 0, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}}`, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustParse(t, callOf(vmsWith(tt.members))).Tap.Bandwidth; got != tt.want {
				t.Errorf("Bandwidth of %s\nwant %+v\ngot  %+v", tt.members, tt.want, got)
			}
		})
	}
}

func TestParseBandwidthRefused(t *testing.T) {
	const (
		rates  = "from 8 to 1000000000000000"
		bursts = "from 640000 "
	)
	tests := []struct{ name, rate, burst, key, value, allowed string }{
		{"rate above the maximum", `1000000000000001`, `640000`, "Rate", `1000000000000001`, rates},
		{"rate negative", `-1`, `640000`, "Rate", `-1`, rates},
		{"rate below the minimum", `7`, `640000`, "Rate", `7`, rates},
		{"rate below the minimum without burst", `1`, `null`, "Rate", `1`, rates},
		{"rate does not fit 64 bits", `18446744073709551616`, `640000`, "Rate", `18446744073709551616`, rates},
		{"rate that wraps to a valid one at 64 bits", `18446744073709551624`, `640000`, "Rate", `18446744073709551624`, rates},
		{"rate fraction", `1000.5`, `640000`, "Rate", `1000.5`, rates},
		{"rate with fraction 0", `1000.0`, `640000`, "Rate", `1000.0`, rates},
		{"rate exponent", `1e6`, `640000`, "Rate", `1e6`, rates},
		{"rate string", `"1000"`, `640000`, "Rate", `"1000"`, rates},
		{"rate with a unit", `"10M"`, `640000`, "Rate", `"10M"`, rates},
		{"rate bool", `true`, `640000`, "Rate", `true`, rates},
		{"rate array", `[1000]`, `640000`, "Rate", `[1000]`, rates},

		{"burst below the minimum", `1000`, `639999`, "Burst", `639999`, bursts},
		{"burst 1", `1000`, `1`, "Burst", `1`, bursts},
		{"burst above the maximum", `1000`, `34359738360`, "Burst", `34359738360`, bursts},
		{"burst that wraps to a valid one at 32 bits", `1000`, `34360378368`, "Burst", `34360378368`, bursts},
		{"burst negative", `1000`, `-1`, "Burst", `-1`, bursts},
		{"burst fraction", `1000`, `640000.5`, "Burst", `640000.5`, bursts},
		{"burst with fraction 0", `1000`, `640000.0`, "Burst", `640000.0`, bursts},
		{"burst string", `1000`, `"640000"`, "Burst", `"640000"`, bursts},
		{"burst object", `1000`, `{}`, "Burst", `{}`, bursts},

		{"rate without burst", `1000`, `null`, "Burst", `none`, bursts},
		{"rate with a burst of 0", `1000`, `0`, "Burst", `0`, bursts},
		{"burst without rate", `null`, `640000`, "Rate", `none`, rates},
		{"burst with a rate of 0", `0`, `640000`, "Rate", `0`, rates},
		{"burst too small without rate", `0`, `1`, "Rate", `0`, rates},
	}
	for _, tt := range tests {
		for _, direction := range []string{"ingress", "egress"} {
			object := `{"` + direction + `Rate": ` + tt.rate + `, "` + direction + `Burst": ` + tt.burst + `}`
			for place, members := range map[string]string{
				"bandwidth":               `"bandwidth": ` + object,
				"runtimeConfig.bandwidth": `"runtimeConfig": {"bandwidth": ` + object + `}`,
			} {
				t.Run(tt.name+"/"+place+"."+direction, func(t *testing.T) {
					conf, err := Parse(callOf(vmsWith(members)))
					if conf != nil {
						t.Errorf("Config returned with an error\nwant nil\ngot  %+v", conf)
					}
					wantKeyError(t, err, place+"."+direction+tt.key, tt.value, tt.allowed)
				})
			}
		}
	}
}

// runtimeConfig.bandwidth is validated even if the key bandwidth is valid, and the error names it.
func TestParseBandwidthInvalidRuntimeConfigRefused(t *testing.T) {
	const key = `, "bandwidth": {"ingressRate": 1000, "ingressBurst": 700000}`
	tests := []struct{ name, members, key, value string }{
		{"wrong type", `"runtimeConfig": {"bandwidth": 5}`, "runtimeConfig.bandwidth", `5`},
		{"rate without burst", `"runtimeConfig": {"bandwidth": {"egressRate": 8}}`, "runtimeConfig.bandwidth.egressBurst",
			`none`},
		{"burst without rate", `"runtimeConfig": {"bandwidth": {"ingressBurst": 640000}}`, "runtimeConfig.bandwidth.ingressRate",
			`none`},
		{"second direction", `"runtimeConfig": {"bandwidth": {"ingressRate": 8, "ingressBurst": 640000, "egressRate": -8}}`,
			"runtimeConfig.bandwidth.egressRate", `-8`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(callOf(vmsWith(tt.members + key)))
			wantKeyError(t, err, tt.key, tt.value, "")
		})
	}
}

// The key bandwidth is validated even if runtimeConfig.bandwidth overrides it: it applies in calls without
// runtimeConfig.
func TestParseBandwidthOverriddenKeyInvalidRefused(t *testing.T) {
	for _, runtime := range []string{
		`null`, `{}`, `{"ingressRate": 0, "ingressBurst": 0}`, `{"egressRate": 16, "egressBurst": 640000}`,
	} {
		t.Run(runtime, func(t *testing.T) {
			_, err := Parse(callOf(vmsWith(`"runtimeConfig": {"bandwidth": ` + runtime + `},
				"bandwidth": {"egressRate": 1000, "egressBurst": 639999}`)))
			wantKeyError(t, err, "bandwidth.egressBurst", "639999", "640000")
		})
	}
}

func TestParseBandwidthErrorText(t *testing.T) {
	tests := []struct{ name, members, want string }{
		{"burst without rate", `"bandwidth": {"ingressBurst": 640000}`, "a burst needs a rate"},
		{"rate without burst", `"bandwidth": {"ingressRate": 8}`, "a rate needs a burst"},
		{"one key misspelt", `"bandwidth": {"ingressRate": 8, "ingresBurst": 640000}`, "a rate needs a burst"},
		{"all keys misspelt", `"bandwidth": {"ingresRate": 8, "ingresBurst": 640000}`, "ingresRate"},
		{"burst too small", `"bandwidth": {"ingressRate": 8, "ingressBurst": 1}`, "segmentation offload"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(callOf(vmsWith(tt.members)))
			wantText(t, err, tt.want)
		})
	}
}

func TestParseStatusReadsBandwidth(t *testing.T) {
	got, err := ParseStatus(&Args{StdinData: []byte(vmsWith(`"bandwidth": {"egressRate": 8, "egressBurst": 640000}`))})
	if want := (Bandwidth{Egress: Limit{Rate: 8, Burst: 640000}}); err != nil || got.Tap.Bandwidth != want {
		t.Errorf("ParseStatus\nwant %+v\ngot  %+v, %v", want, got, err)
	}
}
