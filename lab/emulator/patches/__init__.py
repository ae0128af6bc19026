"""What the lab changes in ministack, each with what it models. A patch whose symbol has gone ends the start."""
