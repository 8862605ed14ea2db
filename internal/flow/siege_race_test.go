//go:build race

package flow_test

// besiegers are fewer under the race detector, which slows each down; hack/test.sh runs the full
// number without it.
const besiegers = 2_000
