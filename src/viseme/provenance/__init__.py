"""Where a video comes from: consent of the person shown, an invisible watermark, a C2PA manifest; written and read
back. Knows pixels, files and statements; refuses to know how the face was made."""
