"""Figure 14: Unplug beside what a web developer would build instead, on Node.js."""
