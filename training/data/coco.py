"""COCO JSON: ``annotations/*.json`` or ``<split>/_annotations.coco.json``, with polygons, run lengths or boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from training.data.listing import Pictures, json_files, named_split, words
from training.data.marks import Marks, Told, gathered, json_layout, marks_of, read_json, usable_name
from training.data.record import DataError, DataSet
from training.data.shapes import Shape, polygon, runs

Finite = Annotated[float, Field(allow_inf_nan=False)]
Id = int | str


class _Image(BaseModel):
    id: Id
    file_name: str = Field(min_length=1)
    width: int | None = None
    height: int | None = None


class _Category(BaseModel):
    id: Id
    name: str = Field(min_length=1)


class _Runs(BaseModel):
    size: tuple[int, int]
    counts: str | list[int]


class _Annotation(BaseModel):
    """`iscrowd` and `area` are passed over: a crowd is a region of its class like any other."""

    id: Id | None = None
    image_id: Id
    category_id: Id
    segmentation: list[list[Finite]] | list[Finite] | _Runs | None = None
    bbox: tuple[Finite, Finite, Finite, Finite] | tuple[()] | None = None


Part = TypeVar("Part", bound=BaseModel)


def coco_files(root: Path) -> list[Path]:
    """JSON files that are COCO's by their first keys; all of those in `root` itself where none is."""
    files = [*json_files(root)]
    return [file for file in files if json_layout(file) == "coco"] or [file for file in files if file.parent == root]


def read_coco(root: Path) -> DataSet:
    """Pictures with any number of classes each; one without annotations is free of defects.

    Several files are one data set; the split is in the file's name (``instances_val2017.json``), or in a folder's. A
    picture is found by its file name, wherever below `root` it lies. A picture with an annotation that cannot be used
    is left out: it would be taught as free of that defect. `problems` says how many, file by file.

    Raises:
        DataError: there is no COCO file, or none of it can be used.
    """
    files, told, marks, broken = coco_files(root), Told(), dict[Path, Marks](), set[Path]()
    if not files:
        raise DataError(f"{root}: there is no JSON file; put COCO's into annotations/, or beside the pictures")
    pictures, unread = Pictures(root), list[DataError]()
    for file in files:
        try:
            _read(file, root, pictures, marks, broken, told)
        except DataError as error:
            unread.append(error)
    if len(unread) == len(files):
        raise DataError(f"{root}: {unread[0]}")
    dataset = gathered(root, "coco", {image: one for image, one in marks.items() if image not in broken}, told)
    return DataSet(root, "coco", dataset.classes, dataset.samples, (*map(str, unread), *dataset.problems))


def _read(file: Path, root: Path, pictures: Pictures, marks: dict[Path, Marks], broken: set[Path], told: Told) -> None:
    content = read_json(file)
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        raise DataError(f"{file.name}: no COCO file; it needs the lists images, annotations and categories")
    split = named_split(words(file.stem)) or named_split(file.relative_to(root).parts[:-1])
    names: dict[Id, str] = {}
    for number, item in enumerate(content["categories"], 1):
        try:
            category = _parsed(_Category, item)
            names[category.id] = usable_name(category.name)
        except ValueError as error:
            told.add(file.name, error, f"category {number}")
    found: dict[Id, Path | None] = {}
    for number, item in enumerate(content["images"], 1):
        name = f"image {number}"
        try:
            image = _parsed(_Image, item)
            name, found[image.id] = image.file_name, None
            path = pictures.find(image.file_name, file.parent, split)
            if path not in marks:
                marks[path] = marks_of(path, root, (image.width, image.height))
                marks[path].split = split or marks[path].split
            found[image.id] = path
        except ValueError as error:
            told.add(file.name, error, name)
    for number, item in enumerate(content["annotations"], 1):
        image_id = item.get("image_id") if isinstance(item, dict) else None
        marked = found.get(image_id) if isinstance(image_id, (int, str)) else None
        try:
            annotation = _parsed(_Annotation, item)
            if annotation.image_id not in found:
                raise ValueError("an annotation is of an image that is not listed")
            if annotation.category_id not in names:
                raise ValueError("an annotation is of a category that is not listed")
            if marked:  # what is wrong with other pictures was told above
                _mark(marks[marked], names[annotation.category_id], annotation)
        except ValueError as error:
            told.add(file.name, error, marked.name if marked else f"annotation {number}")
            if marked:
                broken.add(marked)


def _mark(marks: Marks, name: str, annotation: _Annotation) -> None:
    """Add one annotation; ValueError where it marks nothing."""
    shapes = _shapes(annotation.segmentation, marks)
    if shapes:
        marks.shapes[name] += shapes
    elif annotation.bbox:
        marks.boxes.append((name, marks.box(*annotation.bbox)))
    else:
        raise ValueError("an annotation has neither a mask nor a box")


def _shapes(segmentation: Any, marks: Marks) -> list[Shape]:
    if not segmentation:
        return []
    if isinstance(segmentation, _Runs):
        return [runs(segmentation.counts, segmentation.size, marks.width, marks.height)]
    # Some tools forget the outer list.
    parts = [segmentation] if not isinstance(segmentation[0], list) else segmentation
    return [polygon(part, marks.width, marks.height) for part in parts]


def _parsed(kind: type[Part], item: object) -> Part:
    """ValueError where the item is not what it should be."""
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        wrong = error.errors()[0]["loc"]
        what = kind.__name__.strip("_").lower() + (f"'s {wrong[0]}" if wrong else "")
        raise ValueError(f"the {what} is not as COCO has it") from None
