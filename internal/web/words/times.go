package words

import (
	"math"
	"strconv"
	"time"
)

// Moment is an instant with its day of the week, in UTC and rounded up to the minute, so
// that what is said to be over is over.
func (s *Sheet) Moment(t time.Time) string { return s.date("date.moment", fullMinute(t)) }

// Clock is an instant within the next hours, rounded up like Moment.
func (s *Sheet) Clock(t time.Time) string { return s.date("date.clock", fullMinute(t)) }

// Day is a day, in UTC.
func (s *Sheet) Day(t time.Time) string { return s.date("date.day", t.UTC()) }

// date puts the parts of a date in the language's order. Package time knows English alone.
func (s *Sheet) date(key string, t time.Time) string {
	said := ""
	for _, p := range s.Pieces(key, 0) {
		switch p.Name {
		case "":
			said += p.Words
		case "weekday":
			said += s.Say("weekday." + t.Weekday().String())
		case "day":
			said += strconv.Itoa(t.Day())
		case "month":
			said += s.Say("month." + t.Month().String())
		case "year":
			said += strconv.Itoa(t.Year())
		default:
			said += t.Format("15:04")
		}
	}
	return said
}

func fullMinute(t time.Time) time.Time {
	return t.UTC().Add(time.Minute - 1).Truncate(time.Minute)
}

// Lasting is how long something lasts, In when it comes; both are rounded up.
func (s *Sheet) Lasting(d time.Duration) string { return s.span("lasting.", d) }

// In is how long it takes until something comes, rounded up.
func (s *Sheet) In(d time.Duration) string { return s.span("in.", d) }

func (s *Sheet) span(prefix string, d time.Duration) string {
	say := func(unit string, count float64) string { return s.Say(prefix+unit, number, int(math.Ceil(count))) }
	switch {
	case d <= 90*time.Second:
		return say("seconds", max(1, d.Seconds()))
	case d <= 90*time.Minute:
		return say("minutes", d.Minutes())
	case d <= 48*time.Hour:
		return say("hours", d.Hours())
	default:
		return say("days", d.Hours()/24)
	}
}

// Or joins alternatives: "one, two or three".
func (s *Sheet) Or(list []string) string {
	if len(list) == 0 {
		return ""
	}
	said := s.apart(list[0])
	for i, next := range list[1:] {
		key := "list.more"
		if i == len(list)-2 {
			key = "list.or"
		}
		longer := ""
		for _, p := range s.Pieces(key, 0) {
			switch p.Name {
			case "":
				longer += p.Words
			case "list":
				longer += said
			default:
				longer += s.apart(next)
			}
		}
		said = longer
	}
	return said
}
