// Package fault kills, stops and starves the real processes of the service under load and looks whether anything was lost, done twice or
// billed twice. It has tests only. With the build tag soak they take longer and do more of the same.
package fault
