package requestlog

// AddAsIs takes a line with the time that a clock gave it, however wrong.
func (l *Log) AddAsIs(e Entry) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	at := e.At
	e = e.complete(at)
	l.waiting = append(l.waiting, e)
}
