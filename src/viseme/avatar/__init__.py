"""Personal 3D talking faces (LipSync3D). Knows one person at a time; refuses to know other people's faces."""
