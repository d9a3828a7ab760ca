from forewarn_collector.cli.main import main

main()
