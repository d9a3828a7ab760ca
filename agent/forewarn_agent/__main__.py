from forewarn_agent.cli import main

main(prog_name="forewarn-agent")
