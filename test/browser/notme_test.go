package browser

// notMe is the way of whoever got a code that they did not ask for (seed 41, 42).
func (w *walker) notMe() {
	w.open("/not-me?token=sealed", 200)
	w.see("not-me", "Did somebody else ask for a code?")
	w.press("main form .button", 200)
	w.see("reported", "Thank you for telling us")
}
