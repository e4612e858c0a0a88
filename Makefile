# Every target installs what it needs by itself. `make help` lists them.
MAKEFLAGS += --no-print-directory
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test test-fleet check format page bench bench-defaults score flood guesses demo-outage soak prove prove-short newcomer set-up clean images test-image

# Programs are npm scripts, so that they run on the Node of node_modules, never on the machine's own.
npm := npm run --silent

help: ## This list
	@echo 'Targets:'
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done
	@echo 'Variables (each optional):'
	@sed -nE 's/^## ([A-Z]+=[^ ]*) (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  %-17s %s\n' "$$name" "$$text"; done

## FOR=60 run: end by itself after so many seconds; demo-outage: length of the outage; soak: length in all; flood: seconds of each
## GUESSES=10000 guesses: so many
## FRESH=1 run: forget what an earlier run kept
## ONLY=PATH test, test-image: only these files or folders; bench: only these figures (P1, P1L, P2 … P12; several in quotes); newcomer: only this Debian
## PART=S2,S7 prove, prove-short: only these campaigns
## MINUTES=20 prove, prove-short: time for all of them together
## CASES=1000 prove, prove-short: cases of each
## ROUND=3 prove: this round once more, with its SEED=…, and AGAIN=FOLDER to use what it recorded
## DATA=FOLDER bench: recorded data sets by name, for P2, P4, P8 and P9; score: where they are
## BOARD=x86-64-uefi images, test-image: only this board
## FIRMWARE=u-boot test-image: what starts the image of a board that has more than one (its facts.sh)
## KIND=production images, test-image: for the field, with CERTIFICATES, CERTIFICATE and KEY (images/README.md)
## PORTS=29600 first of the ten loopback ports that run, demo-outage and soak use
options = $(if $(FOR),--for $(FOR)) $(if $(FRESH),--fresh) $(if $(PORTS),--ports $(PORTS))

run: ## A simulated plant, a real Kafka and the agent, with a live screen
	@bash test/ground/setup.sh run
	@$(npm) run -- $(options)

test: ## All tests, on real servers
	@bash test/ground/setup.sh test
	@$(npm) test -- $(ONLY) $(REPORT)

test-fleet: ## Whole updates of simulated boxes, and a rollout over three by a real hawkBit, which is fetched first (70 MB)
	@bash test/ground/setup.sh test
	@bash test/fleet/hawkbit.sh fetch
	@$(npm) test -- --config test/fleet/vitest.config.ts

check: ## Types, lint, format, unused code
	@bash test/ground/setup.sh test
	@$(npm) check

format: ## Format every file
	@bash test/ground/setup.sh test
	@$(npm) format

page: ## Build the web page into build/page
	@bash test/ground/setup.sh run
	@$(npm) page

bench: ## Durable ingest, size, a week offline, memory, start, queries, wear, rules: beside others on the same work
	@bash test/ground/setup.sh test
	@$(npm) bench -- $(ONLY) $(if $(DATA),--data $(DATA))

flood: ## Junk and 500 slow connections at the panel, 60 s of each (FOR=60): ingest must hardly notice, beside an idle listener
	@bash test/ground/setup.sh test
	@$(npm) flood -- $(FOR)

guesses: ## Ten thousand guesses at a password over HTTPS: at most twenty are looked at in ten minutes, and the owner comes in (GUESSES=10000)
	@bash test/ground/setup.sh test
	@HOLDFAST_GUESSES=$(or $(GUESSES),10000) $(npm) test -- test/web/guesses.test.ts

bench-defaults: ## What default settings reach: MQTT at a window of 20, Modbus every 50 ms
	@bash test/ground/setup.sh test
	@$(npm) bench-defaults

score: ## What rules find of labelled failures, beside three detectors from PyPI in a venv of its own (130 MB, once): DATA=FOLDER
	@bash test/ground/setup.sh test
	@$(npm) score -- $(or $(DATA),$(error DATA=FOLDER is missing: the folder of nab-machine-temperature and skab-water-loop)) "$$(bash test/rules/score/detectors.sh)"

demo-outage: ## Kills the agent and Kafka again and again, then proves that nothing is lost or doubled
	@bash test/ground/setup.sh run
	@$(npm) demo-outage -- $(options)

soak: ## Five minutes of full load: loss, memory, CPU
	@bash test/ground/setup.sh run
	@$(npm) soak -- $(options)

proof = $(if $(PART),--part $(PART)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(CASES),--cases $(CASES)) \
  $(if $(SEED),--seed $(SEED)) $(if $(ROUND),--round $(ROUND)) $(if $(AGAIN),--again $(AGAIN))

prove-short: ## Campaigns against log, uplink and sources: crashes, disks, links, brokers, frames, within MINUTES, another seed each time
	@bash test/ground/setup.sh test
	@$(npm) prove -- --short $(proof)

prove: ## The same to their long figures, going on where they were left; writes test/PROOF.md
	@bash test/ground/setup.sh test
	@$(npm) prove -- $(proof)

images: ## Disk images and signed bundles of every board, or of BOARD: into .cache/images (needs root)
	@bash test/ground/setup.sh run
	@nice -n 15 ionice -c3 bash images/build.sh $(BOARD)

test-image: ## Boots the image that `make images` made and asks it whether it is well, who may come in, and what an update does (needs root)
	@bash test/ground/setup.sh run
	@nice -n 10 bash images/test.sh $(BOARD)

newcomer: ## make run and make test in bare Debian roots (needs root)
	@bash test/newcomer/newcomer.sh $(ONLY)

set-up: ## Only install what is missing
	@bash test/ground/setup.sh test

clean: ## Remove what runs left behind; what was downloaded stays
	@rm -rf run
