"""Arguments, progress and tables. Every command is one public function of the package; there is no logic here."""
