"""For QGIS's own Python: open layers, style the first as the how-to says, draw it.

Prints one JSON object a layer, and the number of colours drawn.

/usr/bin/python3 qgis_layers.py PICTURE LAYER...   (needs python3-qgis; QT_QPA_PLATFORM=offscreen)
"""

import json
import os
import sys

from qgis.core import (
    QgsApplication,
    QgsClassificationQuantile,
    QgsGraduatedSymbolRenderer,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsStyle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize

QgsApplication.setPrefixPath("/usr", True)
app = QgsApplication([], False)
app.initQgis()
picture, *addresses = sys.argv[1:]
for number, address in enumerate(addresses):
    layer = QgsVectorLayer(address, f"layer {number}", "ogr")
    shown = [feature for feature in layer.getFeatures() if feature["kind"] == "shown"]
    persons = {feature["destination_code"]: int(feature["persons_at_least"]) for feature in shown}
    print(json.dumps({"valid": layer.isValid(), "crs": layer.crs().authid(), "persons": persons}))
    if number == 0:
        layer.setSubsetString("kind = 'shown'")
        renderer = QgsGraduatedSymbolRenderer("persons_at_least")
        renderer.setClassificationMethod(QgsClassificationQuantile())
        renderer.updateClasses(layer, 4)
        renderer.updateColorRamp(QgsStyle.defaultStyle().colorRamp("Viridis"))
        layer.setRenderer(renderer)
        QgsProject.instance().addMapLayer(layer)
        settings = QgsMapSettings()
        settings.setLayers([layer])
        settings.setDestinationCrs(layer.crs())
        settings.setExtent(layer.extent())
        settings.setOutputSize(QSize(800, 600))
        job = QgsMapRendererParallelJob(settings)
        job.start()
        job.waitForFinished()
        image = job.renderedImage()
        image.save(picture)
        colours = {image.pixel(x, y) for x in range(0, 800, 4) for y in range(0, 600, 4)}
        print(json.dumps({"colours": len(colours)}))
sys.stdout.flush()
os._exit(0)  # exitQgis ends in a segmentation fault while layers are held
