// Package shop is a small web shop that signs people in. It stands for the identity
// provider and the app beside Holdfast: it keeps the passwords and the sessions, asks
// for decisions, reports signals and is told what Holdfast changed.
package shop
