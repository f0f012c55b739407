// Two cameras of one kind: this browser's own, and one at the server. Whoever is shown one need not know which.
// The visitor's camera: opened when somebody is there, closed when nobody is, and looked for again when it was lost.
const WISH = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } }, audio: false };
// Milliseconds for one picture of the server's.
const WAIT = 8000;

export class Camera {
  constructor(video, changed) {
    this.video = video;
    this.changed = changed;
    this.stream = null;
    this.wanted = false;
    this.opening = null;
  }

  get live() {
    return this.stream !== null && this.video.videoWidth > 0;
  }

  // Is there one? Whoever asks while it is being opened gets the same answer.
  async open() {
    this.wanted = true;
    // A stream is there a moment before it shows anything.
    if (this.opening || !this.stream) await (this.opening ??= this.start());
    return this.live;
  }

  async start() {
    try {
      // Without a secure address there are no devices at all.
      const stream = await navigator.mediaDevices.getUserMedia(WISH);
      this.stream = stream;
      if (!this.wanted) return this.release();
      for (const track of stream.getTracks()) track.onended = () => this.lost();
      this.video.srcObject = stream;
      await this.video.play();
    } catch {
      this.release();
    } finally {
      this.opening = null;
    }
  }

  lost() {
    this.release();
    this.changed();
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = null;
    this.video.srcObject = null;
  }

  close() {
    this.wanted = false;
    this.release();
  }

  draw(canvas) {
    square(this.video, this.video.videoWidth, this.video.videoHeight, canvas);
  }
}

// The server's camera: one picture after the other, on a canvas in the video's place.
export class ServerCamera {
  constructor(video, changed) {
    this.canvas = document.createElement("canvas");
    for (const { name, value } of video.attributes) this.canvas.setAttribute(name, value);
    this.canvas.setAttribute("role", "img");
    video.replaceWith(this.canvas);
    this.changed = changed;
    // Who set it up expects it to be there; a browser may have none.
    this.promised = true;
    this.wanted = this.live = false;
    this.opening = null;
    this.turn = 0;
  }

  async open() {
    this.wanted = true;
    if (this.opening || !this.live) await (this.opening ??= this.start());
    return this.live;
  }

  async start() {
    const mine = ++this.turn;
    this.number = 0;
    if (await this.next(mine)) this.watch(mine);
    if (mine === this.turn) this.opening = null;
  }

  async watch(mine) {
    this.live = true;
    while (await this.next(mine));
    if (mine !== this.turn) return;
    this.live = false;
    this.changed();
  }

  async next(mine) {
    try {
      const answer = await fetch(`camera.jpg?after=${this.number}`, { signal: AbortSignal.timeout(WAIT) });
      if (!answer.ok) return false;
      const picture = await createImageBitmap(await answer.blob());
      if (mine === this.turn) this.show(picture, answer.headers.get("X-Number"));
      picture.close();
      return mine === this.turn;
    } catch {
      return false;
    }
  }

  show(picture, number) {
    this.number = number;
    // Set only when it changes, because that clears the canvas.
    if (this.canvas.width !== picture.width) this.canvas.width = picture.width;
    if (this.canvas.height !== picture.height) this.canvas.height = picture.height;
    this.canvas.getContext("2d").drawImage(picture, 0, 0);
  }

  close() {
    this.turn += 1;
    this.wanted = this.live = false;
    this.opening = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(canvas) {
    square(this.canvas, this.canvas.width, this.canvas.height, canvas);
  }
}

// The square in the middle, as it is seen in the frame.
function square(picture, width, height, canvas) {
  const side = Math.min(width, height);
  canvas.getContext("2d").drawImage(picture, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
}
