package admission

// Settings are those of every transaction of decisions.
const Settings = settings
