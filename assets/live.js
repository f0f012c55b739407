export class Live {}
