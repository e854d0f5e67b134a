// Package gate sends malware, metadata and bombs to every route of the real service that takes pictures, with a real clamd behind it that is killed, silenced
// and started again, and looks for what was left. It has tests only.
package gate
