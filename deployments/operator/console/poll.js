// Asks again and again: soon after something happened, seldom while nothing does, and ever more seldom after errors.

const SOONEST_MS = 1500;
const QUIET_MS = 12000;
const HIDDEN_MS = 60000;
const AWAY_MS = 60000;

export class Poll {
  #ask;
  #delay = SOONEST_MS;
  #timer = null;
  #underWay = null;
  #runs = false;

  // `ask` tells whether something has changed; it may raise.
  constructor(ask) {
    this.#ask = ask;
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.now(); });
    addEventListener("online", () => this.now());
  }

  start() {
    this.#runs = true;
    return this.now();
  }

  stop() {
    this.#runs = false;
    clearTimeout(this.#timer);
  }

  // Asks at once; whoever asks meanwhile waits for one more round, so that nobody is told what was true before.
  async now() {
    if (!this.#runs) return;
    clearTimeout(this.#timer);
    this.#delay = SOONEST_MS;
    if (this.#underWay) await this.#underWay;
    this.#underWay ??= this.#round().finally(() => { this.#underWay = null; });
    await this.#underWay;
  }

  async #round() {
    clearTimeout(this.#timer);
    try {
      this.#delay = await this.#ask() ? SOONEST_MS : Math.min(this.#delay * 1.5, QUIET_MS);
    } catch {
      this.#delay = Math.min(this.#delay * 2, AWAY_MS);
    }
    if (!this.#runs) return;
    // Spread, so that many consoles do not come back in one moment.
    const delay = (document.hidden ? HIDDEN_MS : this.#delay) * (0.85 + Math.random() * 0.3);
    this.#timer = setTimeout(() => { this.#underWay ??= this.#round().finally(() => { this.#underWay = null; }); }, delay);
  }
}
