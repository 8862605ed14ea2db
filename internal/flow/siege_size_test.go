//go:build !race

package flow_test

// besiegers are the attacked accounts of the issue's own number.
const besiegers = 100_000
