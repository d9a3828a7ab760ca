"""What the operating system writes into its log about disks and the machine: read, classified, counted."""
