// Live inspection of a camera or of a video file: a module for any page; it knows no ids and no words.
//
//   const live = new Live({ video, canvas, ask, onState, onAnswer });
//   await live.openCamera(deviceId);   // or live.openFile(file); then frames go out as fast as answers come in
//   live.pause(); live.resume(); await live.snapshot(); live.close();
//
// `video` (muted) shows the stream, `canvas` lies over it in the same box; both want `object-fit: contain`.
// `ask()` gives what each frame is judged by: {score, min_area, opacity, heat, hide: [...], panels}; see steelgui/live.py.
// `onState(state, reason, values)`: off, starting, running, paused, ended, or trouble with a reason: no_camera, denied,
//   in_use, insecure, lost, unplayable, gone, busy, login, or `refused` with the server's sentence in `values.detail`.
//   After gone and busy it tries again by itself; after the others `resume()` does. `live.shows` tells whether there is
//   a judged frame in sight; where there is none, a verdict must not be either.
// `onAnswer(answer, {fps, ms})`: what /live/frame said, after its overlay was drawn; `fps` over the last two seconds.

/** Longest side of what is sent, in pixels: more than the networks look at, and quick to encode. */
const SIDE = 800;
const QUALITY = 0.92;
const SLOWEST_RETRY = 5000;
const PATIENCE = 20000;
/** So long what was seen last may stand for the present, in milliseconds. */
const HOLDS = 2000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Frames a second from the times of the latest answers, in milliseconds. */
export function rate(times) {
  return times.length < 2 ? 0 : (1000 * (times.length - 1)) / (times.at(-1) - times[0]);
}

/** Why a camera cannot be had, from what `getUserMedia` throws. */
export function cameraTrouble(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "denied";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "no_camera";
  return "in_use";
}

/** Cameras as {id, label}; browsers tell the labels only once one of them was allowed. */
export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) || [];
  return devices.filter((one) => one.kind === "videoinput").map((one) => ({ id: one.deviceId, label: one.label }));
}

export class Live {
  #video; #canvas; #ask; #onState; #onAnswer; #base;
  #stills = [document.createElement("canvas"), document.createElement("canvas")];  // the frame shown, the one on its way
  #turn = 0;  // whoever holds an older one has to stop
  #going = false;
  #source = null;  // {camera: id} or {file}
  #judged = null;  // {still, blob, name, query, overlay}: what is shown, and what a snapshot keeps
  #wishes = 0;  // to judge a frame that stands still once more; the latest counts
  #times = [];
  #client = "";
  #state = "off";

  constructor({ video, canvas, ask = () => ({}), onState = () => {}, onAnswer = () => {}, base = new URL(".", import.meta.url) }) {
    Object.assign(video, { muted: true, playsInline: true });
    [this.#video, this.#canvas, this.#ask, this.#onState, this.#onAnswer, this.#base] = [video, canvas, ask, onState, onAnswer, base];
    video.addEventListener("ended", () => { this.#hold(); this.#say("ended"); });
  }

  get state() { return this.#state; }

  get shows() { return this.#judged !== null; }

  /** Start with a camera; the one before where `id` is none, or none any more. */
  async openCamera(id = "") {
    this.#release();
    this.#source = { camera: id };
    await this.#start();
  }

  /** Start with a video file from this computer; only single frames of it leave the page. */
  async openFile(file) {
    this.#release();
    this.#source = { file, url: URL.createObjectURL(file) };
    await this.#start();
  }

  /** Stand still on the frame that was judged last; a camera is let go. */
  pause() {
    if (!this.#going) return;
    this.#hold();
    this.#say("paused");
  }

  /** Go on after a pause, the end of a video, or a trouble. */
  async resume() {
    if (this.#source && !this.#going) await this.#start();
  }

  /** What `ask()` gives has changed: a frame that stands still is judged by it now, one that runs is so anyway. */
  async judgeAgain() {
    const judged = this.#judged;
    if (this.#going || !judged) return;
    const wish = ++this.#wishes;
    await sleep(60);  // a slider that is dragged wishes many times
    if (wish !== this.#wishes) return;
    const query = this.#query(`${this.#client}-${wish}`);
    const response = await this.#post("frame", query, judged.blob).catch(() => null);
    if (!response?.ok) return;
    const answer = await response.json();
    const overlay = await picture(answer.overlay);
    if (wish !== this.#wishes || this.#going || judged !== this.#judged) return;
    Object.assign(judged, { query, overlay });
    this.#draw(true);
    this.#onAnswer(answer, { fps: 0, ms: answer.ms });
  }

  /** Keep the frame that is shown, as it was judged, in the history; what the server said, or an Error with why not. */
  async snapshot() {
    const judged = this.#judged;
    if (!judged) return null;
    const query = new URLSearchParams(judged.query);
    query.set("source", this.#source.file ? "video" : "camera");
    query.set("client", `${this.#client}-snapshot`);  // beside the frame that is on its way
    if (judged.name) query.set("name", judged.name);
    for (let tries = 0; ; tries += 1) {
      const response = await this.#post("snapshot", query, judged.blob);
      if (response.ok) return response.json();
      if (response.status !== 503 || tries === 4) throw new Error(await detail(response));
      await sleep(500);
    }
  }

  /** Let everything go. */
  close() {
    this.#release();
    this.#say("off");
  }

  // ------------------------------------------------------------------------------------------------------------------

  #say(state, reason = "", values = {}) {
    this.#state = state;
    this.#onState(state, reason, values);
  }

  #letGo() {
    this.#turn += 1;
    this.#going = false;
    this.#video.pause();
    for (const track of this.#video.srcObject?.getTracks() || []) track.stop();
    this.#video.srcObject = null;
  }

  #hold() {
    this.#letGo();
    if (this.#judged) this.#draw(true);
  }

  #release() {
    this.#letGo();
    this.#video.removeAttribute("src");
    this.#video.load();
    if (this.#source?.url) URL.revokeObjectURL(this.#source.url);
    this.#source = null;
    this.#wipe();
  }

  #wipe() {
    this.#judged = null;
    this.#times = [];
    this.#canvas.width = this.#canvas.height = 0;
  }

  async #start() {
    const turn = ++this.#turn;
    this.#going = true;
    this.#times = [];
    // Another stream for the server, so that nothing of the last one is smoothed into it.
    this.#client = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
    this.#say("starting");
    const reason = this.#source.file ? await this.#playFile() : await this.#playCamera(turn);
    if (turn !== this.#turn) return;
    if (!reason) return void this.#run(turn);
    this.#going = false;
    this.#say("trouble", reason, { name: this.#source.file?.name });
  }

  async #playFile() {
    const video = this.#video;
    if (video.src !== this.#source.url) video.src = this.#source.url;
    try {
      await video.play();
    } catch (error) {
      // A pause that comes at once interrupts `play`, and that is no trouble.
      return error.name === "AbortError" ? "" : "unplayable";
    }
    return video.videoWidth ? "" : "unplayable";
  }

  async #playCamera(turn) {
    if (!navigator.mediaDevices) return "insecure";
    const wanted = { width: { ideal: 1280 }, facingMode: { ideal: "environment" } };
    const ask = (constraints) => navigator.mediaDevices.getUserMedia({ video: constraints, audio: false });
    const id = this.#source.camera;
    let stream;
    try {
      stream = await ask(id ? { ...wanted, deviceId: { exact: id } } : wanted).catch((error) => {
        if (id && cameraTrouble(error) === "no_camera") return ask(wanted);
        throw error;
      });
    } catch (error) {
      return cameraTrouble(error);
    }
    const [track] = stream.getVideoTracks();
    if (turn !== this.#turn) {
      track.stop();
      return "";
    }
    this.#source.camera = track.getSettings().deviceId || id;
    track.addEventListener("ended", () => {
      if (turn !== this.#turn) return;
      this.#hold();
      this.#say("trouble", "lost");
    });
    this.#video.srcObject = stream;
    await this.#video.play().catch(() => {});
    return "";
  }

  /** The camera that is open, for whoever remembers it. */
  get camera() { return this.#source?.camera || ""; }

  async #run(turn) {
    let wait = 500, answered = performance.now();
    while (turn === this.#turn) {
      await this.#frame();
      const taken = turn === this.#turn && (await this.#take());
      if (turn !== this.#turn) return;
      if (!taken) { await sleep(50); continue; }
      let response, answer;
      try {
        response = await this.#post("frame", taken.query, taken.blob);
        answer = response.ok && (await response.json());
        if (answer) taken.overlay = await picture(answer.overlay);
      } catch {
        response = null;
      }
      if (turn !== this.#turn) return;
      if (answer) {
        wait = 500;
        answered = performance.now();
        this.#judged = taken;
        this.#draw(false);
        if (this.#state !== "running") this.#say("running");
        this.#onAnswer(answer, { fps: this.#count(), ms: answer.ms });
        continue;
      }
      // What a proxy or a busy server says passes; what the server says of the frame does not.
      if (response && ![429, 502, 503, 504].includes(response.status)) {
        const values = { detail: await detail(response) };
        if (turn !== this.#turn) return;
        this.#hold();
        this.#say("trouble", response.status === 401 ? "login" : "refused", values);
        return;
      }
      if (performance.now() - answered > HOLDS) {
        this.#wipe();
        this.#say("trouble", response && [429, 503].includes(response.status) ? "busy" : "gone");
      }
      await sleep(wait);
      wait = Math.min(2 * wait, SLOWEST_RETRY);
    }
  }

  /** Until the video has a picture that was not sent yet. */
  #frame() {
    const video = this.#video;
    if (!video.requestVideoFrameCallback) return sleep(40);
    return Promise.race([new Promise((done) => video.requestVideoFrameCallback(done)), sleep(500)]);
  }

  async #take() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!width || this.#video.readyState < 2) return null;
    const scale = Math.min(1, SIDE / Math.max(width, height));
    const still = this.#stills.find((one) => one !== this.#judged?.still);
    still.width = Math.round(width * scale);
    still.height = Math.round(height * scale);
    still.getContext("2d").drawImage(this.#video, 0, 0, still.width, still.height);
    const file = this.#source.file;
    const name = file ? `${file.name} ${this.#video.currentTime.toFixed(2)} s` : "";
    const blob = await new Promise((done) => still.toBlob(done, "image/jpeg", QUALITY));
    return blob && { still, blob, name, query: this.#query(this.#client) };
  }

  #query(client) {
    const query = new URLSearchParams({ client });
    for (const [key, value] of Object.entries(this.#ask())) {
      if (Array.isArray(value)) for (const one of value) query.append(key, one);
      else query.set(key, typeof value === "boolean" ? Number(value) : value);
    }
    return query;
  }

  #post(what, query, body) {
    return fetch(new URL(`${what}?${query}`, this.#base), {
      method: "POST",
      body,
      headers: { "Content-Type": body.type },
      signal: AbortSignal.timeout(PATIENCE),
    });
  }

  /** The overlay alone, over the video that runs on; or with the frame that it belongs to, where that stands still. */
  #draw(whole) {
    const { still, overlay } = this.#judged;
    const canvas = this.#canvas;
    // Set only when it changes: setting it clears the canvas, which a frame of its own would show.
    if (canvas.width !== still.width) canvas.width = still.width;
    if (canvas.height !== still.height) canvas.height = still.height;
    const on = canvas.getContext("2d");
    on.clearRect(0, 0, canvas.width, canvas.height);
    if (whole) on.drawImage(still, 0, 0);
    if (overlay) on.drawImage(overlay, 0, 0, canvas.width, canvas.height);
  }

  #count() {
    const now = performance.now();
    this.#times.push(now);
    // Two at least, or a slow machine would never have a rate.
    while (this.#times.length > 2 && now - this.#times[0] > 2000) this.#times.shift();
    return rate(this.#times);
  }
}

async function picture(url) {
  if (!url) return null;
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

async function detail(response) {
  const said = await response.json().catch(() => ({}));
  return said.detail || `${response.status} ${response.statusText}`;
}
