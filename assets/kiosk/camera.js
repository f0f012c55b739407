// The visitor's camera: opened when somebody is there, closed when nobody is, and looked for again when it was lost.
const WISH = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } }, audio: false };

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

  // The square in the middle, as it is seen in the frame.
  draw(canvas) {
    const { videoWidth: width, videoHeight: height } = this.video;
    const side = Math.min(width, height);
    canvas.getContext("2d").drawImage(this.video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
  }
}
